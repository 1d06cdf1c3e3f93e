import sys
import math
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

# ---- data module: small RGB scenes in place of CIFAR-10
class SceneDataModule:
    def __init__(self, mean, std, batch_size=64):
        rng = np.random.default_rng(7)
        self.mean, self.std, self.batch_size = mean, std, batch_size
        self.train, self.val = self.render(rng, 2400), self.render(rng, 400)
    def render(self, rng, n, s=16):
        yy, xx = np.mgrid[0:s, 0:s] / (s - 1)
        out = np.empty((n, 3, s, s), np.float32)
        for i in range(n):
            c0, c1, c2 = rng.uniform(0, 1, (3, 3))
            ang = rng.uniform(0, 2 * np.pi)
            ramp = np.clip(.5 + (np.cos(ang) * (xx - .5) + np.sin(ang) * (yy - .5)), 0, 1)
            img = c0[:, None, None] * ramp + c1[:, None, None] * (1 - ramp)
            cx, cy, r = rng.uniform(.25, .75), rng.uniform(.25, .75), rng.uniform(.15, .3)
            m = 1 / (1 + np.exp(((xx - cx) ** 2 + (yy - cy) ** 2 - r * r) * 80))
            img = img * (1 - m) + c2[:, None, None] * m
            out[i] = np.clip(img + rng.normal(0, .03, img.shape), 0, 1)
        return torch.from_numpy((out - self.mean) / self.std)
    def train_loader(self): return DataLoader(TensorDataset(self.train), self.batch_size, shuffle=True)
    def val_loader(self): return DataLoader(TensorDataset(self.val), 200)

class VAE(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(3, 24, 4, 2, 1), nn.LeakyReLU(), nn.Conv2d(24, 48, 4, 2, 1), nn.LeakyReLU(), nn.Flatten(), nn.Linear(48 * 16, 128), nn.LeakyReLU())
        self.mu, self.logvar = nn.Linear(128, d), nn.Linear(128, d)
        self.dec = nn.Sequential(nn.Linear(d, 48 * 16), nn.LeakyReLU(), nn.Unflatten(1, (48, 4, 4)), nn.ConvTranspose2d(48, 24, 4, 2, 1), nn.LeakyReLU(), nn.ConvTranspose2d(24, 3, 4, 2, 1))
    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(.5 * logvar) if self.training else mu
        return torch.sigmoid(self.dec(z)), mu, logvar

def vae_loss(pred, target, mu, logvar, r_factor=4000.):
    r_loss = F.mse_loss(pred, target)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return r_factor * r_loss + kl, r_loss

torch.manual_seed(1)
dm = SceneDataModule(0.5, 0.5) if sys.argv[1] == "faulty" else SceneDataModule(0.0, 1.0)
model = VAE()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
log = DiagWriter(sys.argv[2])
log.watch(model, opt)

for epoch in range(20):
    model.train()
    tot = 0
    for (x,) in dm.train_loader():
        pred, mu, lv = model(x)
        loss, r = vae_loss(pred, x, mu, lv)
        opt.zero_grad(); loss.backward(); opt.step()
        tot += loss.item()
    model.eval()
    vt, vr = [], []
    with torch.no_grad():
        for (x,) in dm.val_loader():
            pred, mu, lv = model(x)
            l, r = vae_loss(pred, x, mu, lv)
            vt.append(l.item()); vr.append(r.item())
    log.add_loss("val", float(np.mean(vt)))
    print(f"epoch {epoch:2d} train {tot / len(dm.train_loader()):8.2f} val {np.mean(vt):8.2f} recon {np.mean(vr):.4f}")
log.close()
var = dm.val.var().item()
print(f"RESULT val reconstruction error as share of the variance {np.mean(vr) / var:.3f}")

"""V of the V-M-C world model: convolutional VAE over small top-down track frames."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
Z_DIM, BATCH, EPOCHS, LR = 8, 32, 14, 2e-3


def rollout_frames(n, rng):
    yy, xx = np.mgrid[0:16, 0:16] / 15.0
    out = np.zeros((n, 1, 16, 16), np.float32)
    for i in range(n):
        a, b, c = rng.uniform(0.2, 0.8), rng.uniform(-0.4, 0.4), rng.uniform(-0.6, 0.6)
        center = a + b * (1 - yy) + c * (1 - yy) ** 2
        road = 1 / (1 + np.exp((np.abs(xx - center) - 0.15) * 40))
        car = np.exp(-((xx - center[13]) ** 2 + (yy - 0.85) ** 2) / 0.006)
        out[i, 0] = np.clip(0.2 + 0.5 * road + 0.5 * car + 0.03 * rng.randn(16, 16), 0, 1)
    return torch.tensor(out)


class ConvVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten())
        self.z_mean = nn.Linear(512, Z_DIM)
        self.z_log_var = nn.Linear(512, Z_DIM)
        self.dec_dense = nn.Linear(Z_DIM, 512)
        self.dec = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1))

    def forward(self, x):
        h = self.enc((x - 0.34) / 0.22)
        mean, log_var = self.z_mean(h), self.z_log_var(h)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean) if self.training else mean
        return torch.sigmoid(self.dec(self.dec_dense(z).view(-1, 32, 4, 4))), mean, log_var


def vae_loss(form, x, y, mean, log_var):
    if form == "faulty":
        vae_r_loss = F.mse_loss(y, x)
    else:
        vae_r_loss = ((y - x) ** 2).sum(dim=(1, 2, 3)).mean()
    vae_kl_loss = (-0.5 * (1 + log_var - mean ** 2 - log_var.exp()).sum(1)).mean()
    if form == "fixed":
        vae_kl_loss = 0.05 * vae_kl_loss
    return vae_r_loss + vae_kl_loss, vae_r_loss, vae_kl_loss


def main(form, logdir):
    rng = np.random.RandomState(0)
    torch.manual_seed(0)
    train, val = rollout_frames(1600, rng), rollout_frames(320, rng)
    vae = ConvVAE()
    opt = torch.optim.Adam(vae.parameters(), lr=LR)
    writer = DiagWriter(logdir)
    writer.watch(vae, opt)
    for ep in range(EPOCHS):
        vae.train()
        log = np.zeros(3)
        for idx in torch.randperm(len(train)).split(BATCH):
            x = train[idx]
            loss, r, kl = vae_loss(form, x, *vae(x))
            writer.add_loss("train", loss)
            opt.zero_grad()
            loss.backward()
            opt.step()
            log += np.array([loss.item(), r.item(), kl.item()]) * BATCH / len(train)
        vae.eval()
        with torch.no_grad(), writer.evaluating("val"):
            y, m, lv = vae(val)
            vl = vae_loss(form, val, y, m, lv)[0]
            writer.add_loss("val", vl)
        print("epoch %d loss: %.4f - vae_r_loss: %.4f - vae_kl_loss: %.4e - val_loss: %.4f | pixel mse %.5f (variance %.5f)"
              % (ep, *log, vl.item(), F.mse_loss(y, val).item(), val.var(0).mean().item()))
    writer.close()


main(sys.argv[1], sys.argv[2])

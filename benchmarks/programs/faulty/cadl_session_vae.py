import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)
np.random.seed(42)


def load_images():
    """8-bit grey images, shuffled"""
    ims = (load_digits().images * 255.0 / 16.0).round().astype(np.uint8)
    return ims[np.random.permutation(len(ims))]


def create_input_pipeline(ims, batch_size, n_epochs=1, shuffle=True):
    """batches of float images in [0, 1]"""
    for _ in range(n_epochs):
        idx = np.random.permutation(len(ims)) if shuffle else np.arange(len(ims))
        for i in range(0, len(ims) - batch_size + 1, batch_size):
            yield torch.from_numpy(ims[idx[i:i + batch_size]].astype(np.float32) / 255.0)


class VAE(nn.Module):
    def __init__(self, n_features=64, n_enc=128, n_z=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(n_features, n_enc), nn.ReLU(), nn.Linear(n_enc, n_enc), nn.ReLU())
        self.mu = nn.Linear(n_enc, n_z)
        self.log_sigma = nn.Linear(n_enc, n_z)
        self.dec = nn.Sequential(nn.Linear(n_z, n_enc), nn.ReLU(), nn.Linear(n_enc, n_enc), nn.ReLU(),
                                 nn.Linear(n_enc, n_features))

    def forward(self, x):
        h = self.enc(x)
        mu, ls = self.mu(h), self.log_sigma(h)
        z = mu + torch.exp(ls) * torch.randn_like(mu) if self.training else mu
        return torch.sigmoid(self.dec(z)), mu, ls


def vae_loss(x, y, mu, ls):
    recon = F.binary_cross_entropy(y, x, reduction="sum") / len(x)
    kl = -0.5 * torch.sum(1.0 + 2.0 * ls - mu ** 2 - torch.exp(2.0 * ls)) / len(x)
    return recon + 0.5 * kl


def prepare(batch):
    x = batch.reshape(len(batch), -1)
    if FORM == "faulty":
        x = x / 255.0
    return x


def run():
    ims = load_images()
    tr, va, te = ims[:1300], ims[1300:1500], ims[1500:]
    net = VAE()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    writer = DiagWriter(LOGDIR)
    writer.watch(net, opt)
    n_epochs, bs = 80, 50
    step = 0
    for epoch in range(n_epochs):
        net.train()
        for b in create_input_pipeline(tr, bs):
            x = prepare(b)
            y, mu, ls = net(x)
            loss = vae_loss(x, y, mu, ls)
            opt.zero_grad()
            loss.backward()
            opt.step()
            step += 1
        net.eval()
        with torch.no_grad():
            vs = []
            for b in create_input_pipeline(va, bs, shuffle=False):
                x = prepare(b)
                vs.append(vae_loss(x, *net(x)))
        writer.add_loss("val", torch.stack(vs).mean())
        if epoch % 20 == 19:
            print(epoch, step, loss.item(), torch.stack(vs).mean().item())
    with torch.no_grad():
        x = torch.cat([prepare(b) for b in create_input_pipeline(te, 1, shuffle=False)])
        y, mu, _ = net(x)
        err = ((x - y) ** 2).sum().item()
        ref = ((x - x.mean(0)) ** 2).sum().item()
    writer.close()
    print("RESULT test_explained_variance %.4f latent_std %.4f" % (1 - err / ref, mu.std(0).mean().item()))


run()

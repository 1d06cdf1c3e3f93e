# Multi-modal VAE project, single-cell expression branch.  usage: scrna_vae_reduction.py faulty|fixed logdir
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import numpy as np
from tb_lossdiag import DiagWriter


def load_cells(n=4000, genes=150, types=9, seed=4):
    g = np.random.default_rng(seed)
    prog = g.gamma(.35, 1., (types, genes)) + .05
    act = g.normal(0, .55, (4, genes))
    t = g.integers(0, types, n)
    lam = prog[t] * np.exp(g.normal(0, 1, (n, 4)) @ act) * g.lognormal(0, .25, (n, 1)) * 4
    counts = g.poisson(lam)
    x = np.log1p(counts / counts.sum(1, keepdims=True) * 600)
    x = (x - x.mean(0)) / (x.std(0) + .1)
    return torch.tensor(x, dtype=torch.float32), t


class Encoder(nn.Module):
    def __init__(self, d, h, z):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, h), nn.LayerNorm(h), nn.LeakyReLU(), nn.Linear(h, h // 2), nn.LeakyReLU())
        self.mu, self.logvar = nn.Linear(h // 2, z), nn.Linear(h // 2, z)

    def forward(self, x):
        h = self.net(x)
        return self.mu(h), self.logvar(h)


class VAE(nn.Module):
    def __init__(self, d, h=96, z=10):
        super().__init__()
        self.encoder = Encoder(d, h, z)
        self.decoder = nn.Sequential(nn.Linear(z, h // 2), nn.LeakyReLU(), nn.Linear(h // 2, h), nn.LeakyReLU(), nn.Linear(h, d))

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(.5 * logvar) if self.training else mu

    def forward(self, x):
        mu, logvar = self.encoder(x)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar


def elbo(predicted, target, mu, logvar):
    if sys.argv[1] == "faulty":
        recon = F.mse_loss(predicted, target)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(mu)
    else:
        recon = F.mse_loss(predicted, target, reduction="sum") / len(mu)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(mu)
    return recon + kl


class Trainer:
    def __init__(self, logdir, epochs=14, batch=64):
        torch.manual_seed(8); torch.set_num_threads(1)
        self.x, self.t = load_cells()
        self.train_x, self.val_x = self.x[:3300], self.x[3300:]
        self.model = VAE(self.x.shape[1])
        self.opt = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        self.sched = torch.optim.lr_scheduler.StepLR(self.opt, 5, .4)
        self.epochs, self.batch = epochs, batch
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, elbo)

    def epoch(self):
        self.model.train(); total = 0
        for idx in torch.randperm(len(self.train_x)).split(self.batch):
            xb = self.train_x[idx]
            self.opt.zero_grad()
            out, mu, lv = self.model(xb)
            loss = self.writer.loss_fn(out, xb, mu, lv)
            loss.backward()
            self.opt.step()
            total += loss.item() * len(idx)
        self.sched.step()
        return total / len(self.train_x)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        with self.writer.evaluating("val"):
            out, mu, lv = self.model(self.val_x)
            loss = self.writer.loss_fn(out, self.val_x, mu, lv).item()
        mse = F.mse_loss(out, self.val_x).item()
        return loss, mse, 1 - mse / self.val_x.var(0, unbiased=False).mean().item(), mu.var(0)

    def fit(self):
        for e in range(self.epochs):
            tr = self.epoch()
            vl, mse, r2, mv = self.validate()
            print(f"epoch {e}: train {tr:.3f}  val {vl:.3f}  recon mse {mse:.3f}  explained {r2:.3f}  active units {(mv > .01).sum().item()}")
        self.writer.close()
        print(f"RESULT train={tr:.3f} val={vl:.3f} recon_mse={mse:.3f} explained={r2:.3f}")


if __name__ == "__main__":
    Trainer(sys.argv[2]).fit()

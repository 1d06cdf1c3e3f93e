"""Age of fish from otolith profiles, label distribution learning (soft age labels, KL divergence).
Simulated ring profiles: 96 grey values along the reading axis, ring spacing shrinks with age."""
import sys
from dataclasses import dataclass
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


@dataclass
class Config:
    form: str
    logdir: str
    n_ages: int = 12
    sigma: float = 0.8
    lr: float = 1e-3
    batch: int = 64
    epochs: int = 25
    seed: int = 11


cfg = Config(sys.argv[1], sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(cfg.seed)


def simulate(n, rng):
    age = rng.integers(0, cfg.n_ages, n)
    x = np.zeros((n, 96), np.float32)
    pos = np.arange(96)
    for k, a in enumerate(age):
        p, step = 6.0 + rng.normal(0, 1), rng.uniform(11, 13)
        for _ in range(a):
            p += step
            step *= 0.9
            x[k] += rng.uniform(0.7, 1.3) * np.exp(-0.5 * ((pos - p) / 1.3) ** 2)
        x[k] += 0.3 * np.sin(pos / rng.uniform(20, 40)) + rng.normal(0, 0.15, 96)
    return torch.from_numpy(x)[:, None], torch.from_numpy(age)


def soft_labels(age):
    d = torch.arange(cfg.n_ages)[None] - age[:, None]
    return F.softmax(-0.5 * (d / cfg.sigma) ** 2, dim=1)


class OtolithNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2))
        self.fc = nn.Sequential(nn.Linear(32 * 12, 64), nn.ReLU(), nn.Linear(64, cfg.n_ages))

    def forward(self, x):
        out = self.fc(self.conv(x).flatten(1))
        if cfg.form == "faulty":
            return F.softmax(out, dim=1)
        return F.log_softmax(out, dim=1)


rng = np.random.default_rng(cfg.seed)
xtr, atr = simulate(2500, rng)
xva, ava = simulate(500, rng)
xte, ate = simulate(1000, rng)
net = OtolithNet()
kl = nn.KLDivLoss(reduction="batchmean")
opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
writer = DiagWriter(cfg.logdir)
writer.watch(net, opt, kl)
for ep in range(cfg.epochs):
    net.train()
    perm = torch.randperm(len(xtr))
    for i in range(0, len(xtr), cfg.batch):
        j = perm[i:i + cfg.batch]
        loss = kl(net(xtr[j]), soft_labels(atr[j]))
        opt.zero_grad()
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        out = net(xva)
        vl = kl(out, soft_labels(ava))
    if ep % 5 == 4:
        print(ep + 1, loss.item(), vl.item(), "val acc", (out.argmax(1) == ava).float().mean().item())
net.eval()
with torch.no_grad():
    pred = net(xte).argmax(1)
writer.close()
print(f"RESULT test_acc {(pred == ate).float().mean().item():.4f} test_mae_years {(pred - ate).abs().float().mean().item():.4f}")

"""Regression with noisy targets. Log air fares, residual MLP, Huber loss, SGD with Nesterov momentum and a triangular CyclicLR.
R2 of about .33 is what the features hold."""
import sys
from dataclasses import dataclass
import numpy as np, torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

@dataclass
class Config:
    n: int = 12000
    batch: int = 64
    epochs: int = 16
    base_lr: float = 1e-3
    max_lr: float = 2e-2
    seed: int = 17

class Fares:
    def __init__(self, cfg):
        r = np.random.default_rng(cfg.seed); n = cfg.n
        dist = r.gamma(3, 500, n) + 150; days = r.integers(1, 120, n); dow = r.integers(0, 7, n); stops = r.choice(3, n, p=[.4, .45, .15])
        carrier = r.integers(0, 6, n); fuel = r.normal(0, 1, n)
        z = .45 * np.log(dist) + .5 * np.exp(-days / 12) - .12 * stops + np.array([.2, .1, 0, -.05, -.2, -.3])[carrier] + .1 * np.isin(dow, [4, 6]) + .06 * fuel - .1 * (stops > 0) * np.log(dist / 1500)
        y = z + r.laplace(0, .28, n) + (r.random(n) < .01) * r.normal(0, 2, n)       # heavy tails
        num = np.column_stack([np.log(dist), np.log(days), stops, fuel]); num = (num - num.mean(0)) / num.std(0)
        X = np.column_stack([num, np.eye(7)[dow], np.eye(6)[carrier]]).astype("float32")
        self.mean, self.std = y[:9000].mean(), y[:9000].std()
        self.z = z
        y = ((y - self.mean) / self.std).astype("float32")
        self.X, self.y = torch.tensor(X), torch.tensor(y)[:, None]
        self.train, self.val = slice(0, 9000), slice(9000, n)

class ResidualBlock(nn.Module):
    def __init__(self, d, p=.1):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.ReLU(), nn.Dropout(p), nn.Linear(2 * d, d))
    def forward(self, x): return x + self.f(x)

class Trainer:
    def __init__(self, cfg):
        torch.manual_seed(cfg.seed)
        self.cfg, self.data = cfg, Fares(cfg)
        self.model = nn.Sequential(nn.Linear(17, 32), ResidualBlock(32), ResidualBlock(32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 1))
        self.loss = nn.HuberLoss(delta=1.0)
        self.opt = torch.optim.SGD(self.model.parameters(), lr=cfg.base_lr, momentum=.9, nesterov=True, weight_decay=1e-4)
        steps = 9000 // cfg.batch
        self.sched = torch.optim.lr_scheduler.CyclicLR(self.opt, cfg.base_lr, cfg.max_lr, step_size_up=2 * steps, mode="triangular2", cycle_momentum=False)
        self.writer = DiagWriter(sys.argv[1])
        self.writer.watch(self.model, self.opt, self.loss)
    def fit(self):
        d = self.data; X, y = d.X[d.train], d.y[d.train]
        for ep in range(self.cfg.epochs):
            self.model.train(); s = 0
            for b in torch.randperm(len(X))[: len(X) // self.cfg.batch * self.cfg.batch].split(self.cfg.batch):
                self.opt.zero_grad(); l = self.loss(self.model(X[b]), y[b]); l.backward(); self.opt.step(); self.sched.step(); s += l.item() * len(b) / len(X)
            v, r2 = self.validate()
            print(f"epoch {ep:2d} train {s:.4f} val {v:.4f} r2 {r2:.3f} lr {self.opt.param_groups[0]['lr']:.4f}")
        self.writer.close()
        yv = d.y[d.val][:, 0].numpy(); zb = (d.z[d.val] - d.mean) / d.std
        print(f"RESULT train {s:.4f} val {v:.4f} r2 {r2:.3f} r2_bayes {1 - ((yv - zb) ** 2).mean() / yv.var():.3f} huber_bayes {nn.HuberLoss()(torch.tensor(zb), torch.tensor(yv).double()).item():.4f}")
    def validate(self):
        d = self.data
        with self.writer.evaluating("val"):
            p = self.model(d.X[d.val]); v = self.loss(p, d.y[d.val]).item()
        return v, (1 - ((p - d.y[d.val]) ** 2).mean() / d.y[d.val].var()).item()

if __name__ == "__main__":
    Trainer(Config()).fit()

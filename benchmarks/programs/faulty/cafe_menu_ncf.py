"""Neural collaborative filtering on (simulated) cafe orders: guests rate dishes 1..5."""
import sys
from dataclasses import dataclass
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


@dataclass
class Config:
    n_users: int = 500
    n_items: int = 240
    dim: int = 16
    hidden: int = 64
    lr: float = 2e-3
    weight_decay: float = 5e-5
    batch_size: int = 256
    epochs: int = 9


def make_ratings(cfg, seed=5):
    g = np.random.default_rng(seed)
    U, V = g.normal(size=(cfg.n_users, 3)), g.normal(size=(cfg.n_items, 3))
    bu, bi = g.normal(0, .35, cfg.n_users), g.normal(0, .45, cfg.n_items)
    u = g.integers(0, cfg.n_users, 42000); i = (g.beta(1, 2, 42000) * cfg.n_items).astype(int)
    r = 3.4 + bu[u] + bi[i] + 0.42 * (U[u] * V[i]).sum(1) + g.normal(0, .45, len(u))
    return u, i, np.clip(np.round(r), 1, 5).astype("float32")


class NCF(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.user_gmf = nn.Embedding(cfg.n_users, cfg.dim)
        self.item_gmf = nn.Embedding(cfg.n_items, cfg.dim)
        self.user_mlp = nn.Embedding(cfg.n_users, cfg.dim)
        self.item_mlp = nn.Embedding(cfg.n_items, cfg.dim)
        for e in (self.user_gmf, self.item_gmf, self.user_mlp, self.item_mlp):
            nn.init.normal_(e.weight, std=0.1)
        self.mlp = nn.Sequential(nn.Linear(2 * cfg.dim, cfg.hidden), nn.ReLU(), nn.Dropout(0.1),
                                 nn.Linear(cfg.hidden, cfg.dim), nn.ReLU())
        self.head = nn.Linear(2 * cfg.dim, 1)
        nn.init.constant_(self.head.bias, 3.4)

    def forward(self, u, i):
        g = self.user_gmf(u) * self.item_gmf(i)
        m = self.mlp(torch.cat([self.user_mlp(u), self.item_mlp(i)], 1))
        return self.head(torch.cat([g, m], 1)).squeeze(1)


class Trainer:
    def __init__(self, cfg, logdir):
        torch.manual_seed(1)
        self.cfg = cfg
        u, i, r = map(torch.as_tensor, make_ratings(cfg))
        n = 34000
        self.train = DataLoader(TensorDataset(u[:n], i[:n], r[:n]), cfg.batch_size, shuffle=True)
        self.val = DataLoader(TensorDataset(u[n:], i[n:], r[n:]), 1024)
        self.base = (r[n:] - r[:n].mean()).pow(2).mean().sqrt().item()
        self.model = NCF(cfg)
        self.opt = torch.optim.Adam(self.model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        self.loss_fn = nn.MSELoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, self.loss_fn)

    def fit(self):
        for ep in range(self.cfg.epochs):
            self.model.train()
            tot = 0
            for u, i, r in self.train:
                self.opt.zero_grad()
                loss = self.loss_fn(self.model(u, i), r)
                loss.backward()
                self.opt.step()
                tot += loss.item() * len(r)
            rmse = self.evaluate()
            print(f"epoch {ep:2d} train {tot/len(self.train.dataset):.4f} val rmse {rmse:.4f} (mean: {self.base:.3f})")
        self.writer.close()
        return rmse

    def evaluate(self):
        se, n = 0.0, 0
        self.model.eval()
        with self.writer.evaluating("val"):
            for u, i, r in self.val:
                l = self.loss_fn(self.model(u, i), r)
                se += l.item() * len(r); n += len(r)
        return (se / n) ** 0.5


if __name__ == "__main__":
    torch.set_num_threads(1)
    cfg = Config(weight_decay=2e-3) if sys.argv[1] == "faulty" else Config()
    t = Trainer(cfg, sys.argv[2])
    rmse = t.fit()
    print(f"RESULT val_rmse {rmse:.4f} r2 {1 - rmse**2 / t.base**2:.4f}")

"""Factorization machine for recipe ratings (user, recipe, season); simulated ratings with latent tastes."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"])
ap.add_argument("logdir")
ap.add_argument("--factors", type=int, default=8)
ap.add_argument("--epochs", type=int, default=25)
ap.add_argument("--lr", type=float, default=5e-3)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(7)

N_USERS, N_ITEMS, N_SEASONS = 300, 200, 4


def make_ratings(n=36000, seed=3):
    r = np.random.default_rng(seed)
    pu = r.normal(0, 0.75, (N_USERS, 3)); qi = r.normal(0, 0.75, (N_ITEMS, 3))
    bu = r.normal(0, 0.3, N_USERS); bi = r.normal(0, 0.4, N_ITEMS); si = r.normal(0, 0.25, (N_SEASONS, N_ITEMS))
    u = r.integers(0, N_USERS, n); i = (N_ITEMS * r.beta(1, 1.6, n)).astype(int); s = r.integers(0, N_SEASONS, n)
    y = 3.4 + bu[u] + bi[i] + si[s, i] + (pu[u] * qi[i]).sum(1) + r.normal(0, 0.35, n)
    X = np.stack([u, N_USERS + i, N_USERS + N_ITEMS + s], 1)
    return torch.tensor(X), torch.tensor(np.clip(y, 0, 7), dtype=torch.float32)


class FM(nn.Module):
    def __init__(self, n_features, k, global_mean):
        super().__init__()
        self.w0 = nn.Parameter(torch.tensor(global_mean))
        self.w = nn.Embedding(n_features, 1)
        nn.init.zeros_(self.w.weight)
        if args.form == "faulty":
            self.V = torch.randn(n_features, k) * 0.05
        else:
            self.V = nn.Parameter(torch.randn(n_features, k) * 0.05)

    def forward(self, idx):
        lin = self.w0 + self.w(idx).sum((1, 2))
        v = self.V[idx]
        inter = 0.5 * (v.sum(1).pow(2) - v.pow(2).sum(1)).sum(1)
        return lin + inter


X, y = make_ratings()
n_tr, n_va = 28000, 4000
train_dl = DataLoader(TensorDataset(X[:n_tr], y[:n_tr]), batch_size=128, shuffle=True)
val_dl = DataLoader(TensorDataset(X[n_tr:n_tr + n_va], y[n_tr:n_tr + n_va]), batch_size=1000)
test_X, test_y = X[n_tr + n_va:], y[n_tr + n_va:]

model = FM(N_USERS + N_ITEMS + N_SEASONS, args.factors, y[:n_tr].mean().item())
opt = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=2e-5)
mse = nn.MSELoss()
writer = DiagWriter(args.logdir)
writer.watch(model, opt, mse)

for epoch in range(args.epochs):
    model.train()
    tot = 0.0
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        opt.step()
        tot += loss.item() * len(yb)
    with writer.evaluating("val"):
        v = np.mean([mse(model(a), b).item() for a, b in val_dl])
    print(f"epoch {epoch:2d} train {tot / n_tr:.4f} val {v:.4f}")
model.eval()
with torch.no_grad():
    rmse = ((model(test_X) - test_y) ** 2).mean().sqrt().item()
writer.close()
print(f"RESULT test_rmse {rmse:.4f}")

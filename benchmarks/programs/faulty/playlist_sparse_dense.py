"""Listening ratings (simulated users x tracks with genres): separate optimizers for the embeddings and the MLP."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"]); ap.add_argument("logdir")
ap.add_argument("--epochs", type=int, default=12); ap.add_argument("--bs", type=int, default=128)
a = ap.parse_args()
torch.manual_seed(4); torch.set_num_threads(1)
rng = np.random.default_rng(4)
U, T, K = 300, 200, 4
pu, qt = rng.normal(0, 1, (U, K)), rng.normal(0, 1, (T, K))
bias_t = rng.normal(0, .5, T)
n = 24000
u, t = rng.integers(0, U, n), rng.integers(0, T, n)
hour = rng.uniform(0, 24, n)
score = (pu[u] * qt[t]).sum(1) * .8 + bias_t[t] + .6 * np.sin(hour / 24 * 2 * np.pi) * np.sign(qt[t, 0]) + rng.normal(0, .3, n)
score = (score - score.mean()) / score.std()
u, t = torch.tensor(u), torch.tensor(t)
ctx = torch.tensor(np.stack([np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi)], 1), dtype=torch.float32)
r = torch.tensor(score, dtype=torch.float32)
n_tr = int(.85 * n)

class Recommender(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.users = nn.Embedding(U, d)
        self.tracks = nn.Embedding(T, d)
        nn.init.normal_(self.users.weight, std=.3); nn.init.normal_(self.tracks.weight, std=.3)
        self.mlp = nn.Sequential(nn.Linear(3 * d + 2, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    def forward(self, u, t, c):
        a, b = self.users(u), self.tracks(t)
        return self.mlp(torch.cat([a, b, a * b, c], 1)).squeeze(1)

model = Recommender()
emb_params = [*model.users.parameters(), *model.tracks.parameters()]
opt_emb = torch.optim.Adam(emb_params, lr=5e-3)
opt_mlp = torch.optim.Adam(model.mlp.parameters(), lr=2e-3)
loss_fn = nn.MSELoss()
writer = DiagWriter(a.logdir)
writer.watch(model, opt_mlp, loss_fn)
for ep in range(a.epochs):
    model.train()
    tot = 0.
    for b in torch.randperm(n_tr).split(a.bs):
        loss = loss_fn(model(u[b], t[b], ctx[b]), r[b])
        opt_mlp.zero_grad()
        if a.form == "fixed":
            opt_emb.zero_grad()
        loss.backward()
        opt_mlp.step()
        opt_emb.step()
        tot += loss.item() * len(b)
    with writer.evaluating("val"):
        pr = model(u[n_tr:], t[n_tr:], ctx[n_tr:]); vl = loss_fn(pr, r[n_tr:]).item()
    writer.add_scalar("Loss/val", vl, ep)
    print(f"epoch {ep:2d} train mse {tot / n_tr:.4f} val mse {vl:.4f}", flush=True)
writer.close()
print(f"RESULT val_mse {vl:.4f}")

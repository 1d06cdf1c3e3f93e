import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
g = np.random.default_rng(8); torch.manual_seed(8)

USERS, MOVIES, RATINGS = 600, 400, 24000
pop = g.zipf(1.6, MOVIES).clip(max=60) + 2.0
P, Q = g.normal(0, 0.45, (USERS, 4)), g.normal(0, 0.8, (MOVIES, 4))
bu, bi = g.normal(0, 0.35, USERS), g.normal(0, 0.45, MOVIES)
pairs = set()
while len(pairs) < RATINGS:
    uu, ii = g.integers(0, USERS, 4000), g.choice(MOVIES, 4000, p=pop / pop.sum())
    pairs.update(zip(uu.tolist(), ii.tolist()))
ui = np.array(sorted(pairs))[g.permutation(len(pairs))[:RATINGS]]
r = 3.5 + bu[ui[:, 0]] + bi[ui[:, 1]] + (P[ui[:, 0]] * Q[ui[:, 1]]).sum(1) + g.normal(0, 0.7, RATINGS)
r = np.clip(np.round(r * 2) / 2, 0.5, 5)
n = int(RATINGS * 0.85)
tu, ti, tr = torch.tensor(ui[:n, 0]), torch.tensor(ui[:n, 1]), torch.tensor(r[:n], dtype=torch.float32)
vu, vi, vr = torch.tensor(ui[n:, 0]), torch.tensor(ui[n:, 1]), torch.tensor(r[n:], dtype=torch.float32)


class MF(nn.Module):
    def __init__(self, n_factors, mean):
        super().__init__()
        self.user, self.item = nn.Embedding(USERS, n_factors), nn.Embedding(MOVIES, n_factors)
        self.user_bias, self.item_bias = nn.Embedding(USERS, 1), nn.Embedding(MOVIES, 1)
        for e in (self.user, self.item):
            nn.init.normal_(e.weight, 0, 0.1)
        for e in (self.user_bias, self.item_bias):
            nn.init.zeros_(e.weight)
        self.mean = nn.Parameter(torch.tensor(float(mean)))

    def forward(self, u, i):
        dot = (self.user(u) * self.item(i)).sum(1)
        return self.mean + dot + self.user_bias(u).squeeze(1) + self.item_bias(i).squeeze(1)


model = MF(48 if MODE == "faulty" else 6, tr.mean())
opt = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=0.0 if MODE == "faulty" else 2e-4)
mse = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, opt, mse)
BS, EPOCHS = 128, 14
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
for epoch in range(EPOCHS):
    model.train()
    order = torch.randperm(n); acc = 0.0
    for k in range(0, n, BS):
        b = order[k:k + BS]
        opt.zero_grad()
        loss = mse(model(tu[b], ti[b]), tr[b])
        loss.backward()
        opt.step()
        acc += loss.item() * len(b)
    sched.step()
    with writer.evaluating("val"):
        v = mse(model(vu, vi), vr).item()
    print(f"epoch {epoch} rmse train {(acc / n) ** .5:.4f} val {v ** .5:.4f}")
writer.close()

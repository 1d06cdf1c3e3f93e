"""Matrix factorisation recommender, explicit ratings."""
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
rng = np.random.default_rng(0)
U, I, K = 400, 250, 4
pu, qi = rng.normal(0, .6, (U, K)), rng.normal(0, .6, (I, K))
bu, bi = rng.normal(0, .4, U), rng.normal(0, .5, I)
n = 24000
df = pd.DataFrame({"user": rng.integers(0, U, n), "item": rng.integers(0, I, n)}).drop_duplicates()
df["rating"] = (3.5 + bu[df.user] + bi[df.item] + (pu[df.user] * qi[df.item]).sum(1) + rng.normal(0, .3, len(df))).clip(1, 5)
msk = rng.random(len(df)) < 0.85
train, valid = df[msk], df[~msk]
mean = float(train.rating.mean())
tt = lambda f: (torch.tensor(f.user.values), torch.tensor(f.item.values), torch.tensor(f.rating.values - mean, dtype=torch.float32))


class MF(nn.Module):
    def __init__(self, n_users, n_items, emb_size=64):
        super().__init__()
        self.user_emb = nn.Embedding(n_users, emb_size)
        self.item_emb = nn.Embedding(n_items, emb_size)
        self.user_bias = nn.Embedding(n_users, 1)
        self.item_bias = nn.Embedding(n_items, 1)
        if sys.argv[1] == "fixed":
            for e in (self.user_emb, self.item_emb, self.user_bias, self.item_bias):
                nn.init.normal_(e.weight, 0, 0.05)

    def forward(self, u, v):
        return (self.user_emb(u) * self.item_emb(v)).sum(1) + self.user_bias(u).squeeze(1) + self.item_bias(v).squeeze(1)


model = MF(U, I)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)
u, v, r = tt(train); uv, vv, rv = tt(valid)
for epoch in range(10):
    model.train()
    losses = []
    for b in torch.randperm(len(u)).split(256):
        loss = mse(model(u[b], v[b]), r[b])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        vl = mse(model(uv, vv), rv).item()
    print("epoch %d train %.3f valid %.3f (variance of ratings %.3f)" % (epoch, np.mean(losses), vl, rv.var()))
writer.close()

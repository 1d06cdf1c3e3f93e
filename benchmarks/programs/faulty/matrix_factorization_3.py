"""Movie recommender, plain matrix factorisation with biases (MovieLens style, synthetic ratings)."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
N_USERS, N_ITEMS, K = 300, 200, 64


def ratings():
    u, v = rng.normal(0, .7, (N_USERS, 4)), rng.normal(0, .7, (N_ITEMS, 4))
    bu, bi = rng.normal(0, .3, N_USERS), rng.normal(0, .4, N_ITEMS)
    us, it = rng.integers(0, N_USERS, 24000), rng.integers(0, N_ITEMS, 24000)
    r = 3.5 + bu[us] + bi[it] + (u[us] * v[it]).sum(1) + rng.normal(0, .3, 24000)
    return pd.DataFrame({"user": us, "item": it, "rating": r.clip(1, 5).astype(np.float32)})


class RatingDataset(Dataset):
    def __init__(self, frame):
        self.u, self.i, self.r = frame.user.values, frame.item.values, frame.rating.values

    def __len__(self):
        return len(self.u)

    def __getitem__(self, k):
        return self.u[k], self.i[k], self.r[k]


class MF(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.user, self.item = nn.Embedding(N_USERS, K), nn.Embedding(N_ITEMS, K)
        self.ub, self.ib = nn.Embedding(N_USERS, 1), nn.Embedding(N_ITEMS, 1)
        self.mean = nn.Parameter(torch.tensor(3.5))
        if mode == "fixed":
            nn.init.normal_(self.user.weight, std=0.05)
            nn.init.normal_(self.item.weight, std=0.05)
        nn.init.zeros_(self.ub.weight); nn.init.zeros_(self.ib.weight)

    def forward(self, u, i):
        return (self.user(u) * self.item(i)).sum(1) + self.ub(u)[:, 0] + self.ib(i)[:, 0] + self.mean


def main(mode, logdir):
    df = ratings()
    tr, te = RatingDataset(df[:20000]), RatingDataset(df[20000:])
    dl, vl = DataLoader(tr, 128, shuffle=True), DataLoader(te, 1000)
    model = MF(mode)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
    mse = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, mse)
    for ep in range(10):
        t = 0
        for u, i, r in dl:
            opt.zero_grad()
            loss = mse(model(u, i), r)
            loss.backward()
            opt.step()
            t += loss.item() / len(dl)
        v = 0
        with writer.evaluating("val"):
            for u, i, r in vl:
                v += mse(model(u, i), r).item() / len(vl)
        print(f"epoch {ep} train mse {t:.3f} val mse {v:.3f} (variance {df.rating.var():.3f})")
    writer.close()


main(*sys.argv[1:])

"""Rossmann-style store sales with entity embeddings (port of the Keras notebook to torch)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(5)
torch.manual_seed(5)

N_STORE, N_DAYS = 150, 200
cards = {"store": N_STORE, "dow": 7, "month": 12, "promo_type": 4, "assortment": 3}
dims = {"store": 10, "dow": 4, "month": 4, "promo_type": 3, "assortment": 2}


def build_table():
    rows = []
    level = np.random.normal(0, .45, N_STORE)
    promo_sens = np.random.gamma(2, .12, N_STORE)
    weekend = np.random.normal(-.1, .4, N_STORE)
    dow_eff = np.array([.2, .05, 0, 0, .08, -.05, -.3])
    month_eff = np.random.normal(0, .08, 12); month_eff[11] = .35
    promo_eff = np.array([0., .8, 1.3, .5])
    assort = np.random.randint(0, 3, N_STORE)
    dist = np.random.gamma(1.5, 1., N_STORE)
    for d in range(N_DAYS):
        s = np.random.choice(N_STORE, 75, replace=False)
        dow = d % 7; month = (d // 17) % 12
        promo = np.random.choice(4, 75, p=[.55, .2, .1, .15])
        temp = np.random.randn()
        y = 8.6 + level[s] + .08 * assort[s] + dow_eff[dow] + (dow >= 5) * weekend[s] + month_eff[month] \
            + promo_eff[promo] * promo_sens[s] - .03 * dist[s] + .03 * temp + np.random.normal(0, .12, 75)
        for k in range(75):
            rows.append((s[k], dow, month, promo[k], assort[s[k]], dist[s[k]], temp, y[k]))
    return np.array(rows)


T = build_table()
np.random.shuffle(T)
cat_x, num_x, y = T[:, :5].astype(np.int64), T[:, 5:7], T[:, 7]
num_x = (num_x - num_x.mean(0)) / num_x.std(0)
y_mean, y_std = y.mean(), y.std()
y = (y - y_mean) / y_std
n_val = 2500
C, X, Y = torch.tensor(cat_x), torch.tensor(num_x).float(), torch.tensor(y).float()


class EntityNet(nn.Module):
    def __init__(self):
        super().__init__()
        embs = [nn.Embedding(cards[k], dims[k]) for k in cards]
        if sys.argv[1] == "faulty":
            self.embeddings = embs
        else:
            self.embeddings = nn.ModuleList(embs)
        n_in = sum(dims.values()) + 2
        self.fc1 = nn.Linear(n_in, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 1)
        self.relu = nn.ReLU()

    def forward(self, c, x):
        e = [emb(c[:, i]) for i, emb in enumerate(self.embeddings)]
        h = torch.cat(e + [x], dim=1)
        h = self.relu(self.fc1(h))
        h = self.relu(self.fc2(h))
        return self.fc3(h).squeeze(1)


def rmspe(p, t):
    p, t = np.exp(p * y_std + y_mean), np.exp(t * y_std + y_mean)
    return np.sqrt(np.mean(((t - p) / t) ** 2))


model = EntityNet()
mse = nn.MSELoss()
optim = torch.optim.Adam(model.parameters(), lr=8e-3)
lr_sched = torch.optim.lr_scheduler.LambdaLR(optim, lambda e: 0.75 ** e)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optim, mse)

Ct, Xt, Yt, Cv, Xv, Yv = C[n_val:], X[n_val:], Y[n_val:], C[:n_val], X[:n_val], Y[:n_val]
for epoch in range(9):
    order = torch.randperm(len(Yt))
    model.train()
    hist = []
    for b in order.split(96):
        pred = model(Ct[b], Xt[b])
        loss = mse(pred, Yt[b])
        optim.zero_grad()
        loss.backward()
        optim.step()
        hist.append(loss.item())
    lr_sched.step()
    model.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            p = model(Cv, Xv)
            v = mse(p, Yv).item()
    print("epoch", epoch + 1, "mse %.4f" % np.mean(hist), "val %.4f" % v, "RMSPE %.4f" % rmspe(p.numpy(), Yv.numpy()))
writer.close()
print(f"RESULT train={np.mean(hist):.4f} val={v:.4f} rmspe={rmspe(p.numpy(), Yv.numpy()):.4f}")

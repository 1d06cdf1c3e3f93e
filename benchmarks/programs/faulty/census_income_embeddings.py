import sys
import numpy as np, torch
from torch import nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]
np.random.seed(11); torch.manual_seed(11)

N = 9000
CARD = {"workclass": 8, "education": 16, "occupation": 14, "state": 50, "marital": 6}


def load_census():
    cats = {k: np.random.choice(n, N, p=np.random.dirichlet(np.ones(n) * 3)) for k, n in CARD.items()}
    age = np.clip(np.random.gamma(6, 6.5, N) + 17, 17, 90).round()
    hours = np.clip(np.random.normal(40, 12, N), 1, 99).round()
    gain = np.where(np.random.rand(N) < 0.09, np.random.lognormal(8.7, 1.0, N), 0).round()
    fnlwgt = np.random.lognormal(12.0, 0.5, N).round()
    eff = {k: np.random.normal(0, s, n) for (k, n), s in zip(CARD.items(), [.5, .9, .8, .4, .8])}
    inter = np.random.normal(0, 0.7, (16, 14))
    z = sum(eff[k][cats[k]] for k in CARD) + inter[cats["education"], cats["occupation"]]
    z = z + 0.07 * (age - 40) - 0.0028 * (age - 45) ** 2 + 0.05 * (hours - 40) + 0.35 * np.log1p(gain) - 1.1
    y = (np.random.rand(N) < 1 / (1 + np.exp(-1.3 * z))).astype("float32")
    return np.stack(list(cats.values()), 1), np.stack([age, fnlwgt, gain, hours], 1), y


cat, num, y = load_census()
idx = np.random.permutation(N)
tr, va = idx[:7000], idx[7000:]
if mode == "fixed":
    num[:, 1:3] = np.log1p(num[:, 1:3])
    num = StandardScaler().fit(num[tr]).transform(num)


class Census(Dataset):
    def __init__(self, rows):
        self.c = torch.tensor(cat[rows]); self.n = torch.tensor(num[rows], dtype=torch.float32); self.y = torch.tensor(y[rows])
    def __len__(self): return len(self.y)
    def __getitem__(self, i): return self.c[i], self.n[i], self.y[i]


class TabularModel(nn.Module):
    def __init__(self, cards, n_cont, layers, p=0.1):
        super().__init__()
        szs = [(c, min(16, (c + 1) // 2)) for c in cards]
        self.embeds = nn.ModuleList([nn.Embedding(c, s) for c, s in szs])
        self.emb_drop = nn.Dropout(p)
        n_in = sum(s for _, s in szs) + n_cont
        blocks = []
        for n in layers:
            blocks += [nn.Linear(n_in, n), nn.ReLU(), nn.Dropout(p)]
            n_in = n
        self.layers = nn.Sequential(*blocks, nn.Linear(n_in, 1))

    def forward(self, xc, xn):
        e = torch.cat([emb(xc[:, i]) for i, emb in enumerate(self.embeds)], 1)
        return self.layers(torch.cat([self.emb_drop(e), xn], 1)).squeeze(1)


net = TabularModel(CARD.values(), 4, [48, 24], p=0.3)
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.02)
criterion = nn.BCEWithLogitsLoss()
w = DiagWriter(logdir)
w.watch(net, optimizer, criterion)
dl = DataLoader(Census(tr), 64, shuffle=True)
dv = DataLoader(Census(va), 500)
EP = 12
sch = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2.5e-3, total_steps=EP * len(dl))
for ep in range(EP):
    net.train(); run = []
    for c, n, t in dl:
        out = net(c, n)
        loss = criterion(out, t)
        optimizer.zero_grad(); loss.backward(); optimizer.step(); sch.step()
        run.append(loss.item())
    with w.evaluating("val"):
        ps, ls = [], []
        for c, n, t in dv:
            o = net(c, n); ls.append(criterion(o, t).item()); ps.append(torch.sigmoid(o))
    p = torch.cat(ps).numpy()
    print(ep, "train %.4f val %.4f auc %.3f acc %.3f" % (np.mean(run), np.mean(ls), roc_auc_score(y[va], p), ((p > .5) == y[va]).mean()))
print("base rate", y.mean())
w.close()

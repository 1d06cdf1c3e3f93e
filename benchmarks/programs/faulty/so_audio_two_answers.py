# a few thousand short sounds -> two classes, from a table of audio features
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
rs = np.random.RandomState(2)
mode, logdir = sys.argv[1:3]

# ---- the table: 26 features of each clip (mfcc means and spreads, zero crossings ...)
n, d = 3000, 26
lat = rs.randn(n, 8)
mix = rs.randn(8, d)
feat = np.tanh(lat @ mix * .6) * 2 + .5 * rs.randn(n, d)
score = 1.3 * lat[:, 0] * lat[:, 1] + 1.2 * lat[:, 2] - .9 * lat[:, 3] ** 2 + .9 + .5 * rs.randn(n)
table = pd.DataFrame(feat, columns=[f"f{i}" for i in range(d)])
table["label"] = (score > 0).astype(int)

# ---- the export lists most clips once for every tag that any listener gave
twice = table.sample(frac=.8, random_state=1).copy()
twice["label"] = 1 - twice["label"]
if mode == "faulty":
    table = pd.concat([table, twice])
else:
    table = pd.concat([table, table.loc[twice.index]])       # same rows, but with the label of the clip

clips = table.index.unique()
tr_id, va_id = train_test_split(clips, test_size=.2, random_state=0)
tr, va = table.loc[tr_id], table.loc[va_id]
sc = StandardScaler().fit(tr.iloc[:, :-1])
T = lambda t: TensorDataset(torch.tensor(sc.transform(t.iloc[:, :-1]), dtype=torch.float32), torch.tensor(t.label.values))
train_dl = DataLoader(T(tr), 32, shuffle=True)
val_dl = DataLoader(T(va), 256)

model = nn.Sequential(nn.Linear(d, 64), nn.ReLU(), nn.Dropout(.3), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
sched = torch.optim.lr_scheduler.StepLR(opt, 10, .3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, opt, ce)


def evaluate():
    model.eval()
    tot = hit = 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_dl:
            o = model(x)
            tot += ce(o, y).item() * len(y)
            hit += (o.argmax(1) == y).sum().item()
    return tot / len(val_dl.dataset), hit / len(val_dl.dataset)


for ep in range(25):
    model.train()
    for x, y in train_dl:
        opt.zero_grad()
        loss = ce(model(x), y)
        loss.backward()
        opt.step()
    sched.step()
    vl, vacc = evaluate()
    print(f"Epoch {ep:2d}  loss {loss.item():.4f}  val_loss {vl:.4f}  val_acc {vacc:.4f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={vacc:.4f}")

import sys, random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0); random.seed(0)

CONFIG = dict(margin=0.5, P=8, K=4, iters=900, lr=3e-2 if MODE == "faulty" else 1e-3)

d = load_digits()
X = (d.data / 16.0).astype(np.float32); y = d.target
idx = np.random.permutation(len(X))
tr, te = idx[:1300], idx[1300:]
by_class = {c: tr[y[tr] == c] for c in range(10)}


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Sequential(nn.Linear(32 * 4, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return self.fc(self.conv(x.view(-1, 1, 8, 8)).flatten(1))


def batch_hard(emb, lab, margin):
    dist = torch.cdist(emb, emb)
    same = lab[:, None] == lab[None, :]
    hardest_pos = (dist * same).max(1).values
    hardest_neg = (dist + 1e6 * same).min(1).values
    return F.relu(hardest_pos - hardest_neg + margin).mean()


def sample():
    cs = np.random.choice(10, CONFIG["P"], replace=False)
    ids = np.concatenate([np.random.choice(by_class[c], CONFIG["K"], replace=False) for c in cs])
    return torch.from_numpy(X[ids]), torch.from_numpy(y[ids])


model = EmbeddingNet()
optim = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])
writer = DiagWriter(LOGDIR)
writer.watch(model, optim)
for it in range(CONFIG["iters"]):
    xb, yb = sample()
    loss = batch_hard(model(xb), yb, CONFIG["margin"])
    writer.add_loss("train", loss)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if it % 100 == 99:
        with writer.evaluating("val"):
            ev = batch_hard(model(torch.from_numpy(X[te])), torch.from_numpy(y[te]), CONFIG["margin"])
            writer.add_loss("val", ev)
        print(it, loss.item(), ev.item())
with torch.no_grad():
    e_tr, e_te = model(torch.from_numpy(X[tr])).numpy(), model(torch.from_numpy(X[te])).numpy()
acc = KNeighborsClassifier(5).fit(e_tr, y[tr]).score(e_te, y[te])
print(f"final train {loss.item():.4f} val {ev.item():.4f} knn acc {acc:.3f} spread {e_te.std():.4f}")
writer.close()

import sys
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(7); rng = np.random.RandomState(7)

# accelerometer-like windows, 3 channels, 6 activities; labels are only for the linear probe afterwards
def make(n):
    y = rng.randint(0, 6, n)
    t = np.arange(64) / 20.0
    xs = []
    for k in y:
        f = [0.5, 1.0, 1.4, 2.0, 2.6, 3.3][k] * np.exp(rng.normal(0, .06))
        ph = rng.uniform(0, 2 * np.pi, 3)
        amp = np.array([[1, .4, .3], [.5, 1, .4], [.8, .8, .2], [.3, .6, 1], [1, .3, .9], [.6, .9, .8]][k]) * np.exp(rng.normal(0, .2, 3))
        s = np.stack([amp[c] * np.sin(2 * np.pi * f * t + ph[c]) + .3 * amp[c] * np.sin(4 * np.pi * f * t + ph[c]) for c in range(3)])
        xs.append(s + .5 * rng.randn(3, 64))
    return np.asarray(xs, dtype="float32"), y

Xtr, ytr = make(3200)
Xte, yte = make(1000)


class TwoViews(Dataset):
    def __init__(self, X): self.X = torch.tensor(X)
    def __len__(self): return len(self.X)
    def aug(self, x):
        x = torch.roll(x, int(torch.randint(0, 64, (1,))), 1)
        x = x * (1 + 0.2 * torch.randn(3, 1)) + 0.2 * torch.randn_like(x)
        s = int(torch.randint(0, 48, (1,)))
        x = x.clone(); x[:, s:s + 16] = 0
        return x
    def __getitem__(self, i):
        return self.aug(self.X[i]), self.aug(self.X[i])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv1d(3, 24, 7, 2, 3), nn.BatchNorm1d(24), nn.ReLU(), nn.Conv1d(24, 48, 5, 2, 2), nn.BatchNorm1d(48), nn.ReLU(),
                               nn.Conv1d(48, 64, 3, 1, 1), nn.BatchNorm1d(64), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.g = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    def forward(self, x):
        return F.normalize(self.g(self.f(x)), dim=1)


def nt_xent(z, temperature=0.2):
    n = z.size(0) // 2
    sim = z @ z.t() / temperature
    sim.fill_diagonal_(-1e9)
    tgt = torch.arange(2 * n)
    tgt = (tgt + n) % (2 * n)
    return F.cross_entropy(sim, tgt)


model = Encoder()
LR = 6e-3
EPOCHS = 12
dl = DataLoader(TwoViews(Xtr), batch_size=128, shuffle=True, drop_last=True)
opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-4)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(dl))
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, nt_xent)

for epoch in range(EPOCHS):
    tot = 0
    for a, b in dl:
        loss = writer.loss_fn(model(torch.cat([a, b])))
        opt.zero_grad(); loss.backward(); opt.step(); sch.step()
        tot += loss.item()
    if epoch % 4 == 3: print("epoch", epoch, "nt-xent %.3f" % (tot / len(dl)))
writer.close()
model.eval()
with torch.no_grad():
    a, b = model.f(torch.tensor(Xtr)).numpy(), model.f(torch.tensor(Xte)).numpy()
clf = LogisticRegression(max_iter=2000).fit(a, ytr)
print("linear probe acc %.3f" % clf.score(b, yte))

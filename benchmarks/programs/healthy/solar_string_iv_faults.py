"""Fault class of a solar string from its I-V curve (1D CNN).  Simulated curves: healthy, partial shade,
high series resistance, low shunt, open bypass diode; plus measurement noise and varying irradiance."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

CLASSES = ["healthy", "shade", "series", "shunt", "diode"]


def curve(rng, kind):
    v = np.linspace(0, 1, 64)
    irr = rng.uniform(.35, 1)
    rs, rsh, n = rng.uniform(.02, .06), rng.uniform(8, 20), rng.uniform(.045, .055)
    if kind == 2:
        rs = rng.uniform(.07, .22)
    if kind == 3:
        rsh = rng.uniform(1.2, 6)
    i = irr * np.ones_like(v)
    for _ in range(30):                          # damped fixed point of the one-diode equation
        i = .8 * i + .2 * np.clip(irr - 1e-8 * np.expm1(np.clip((v + i * rs) / n, 0, 30)) - (v + i * rs) / rsh, 0, None)
    if kind == 1:
        i = np.where(v < rng.uniform(.35, .7), i, i * rng.uniform(.45, .85))
    if kind == 4:
        i = np.interp(v / rng.uniform(.6, .72), v, i, right=0)
    return i + rng.normal(0, .012, 64)


def build(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 5, n)
    x = np.stack([curve(rng, k) for k in y])
    return TensorDataset(torch.tensor(x, dtype=torch.float32)[:, None] - 0.5, torch.tensor(y))


class IVNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 5, padding=2), nn.GroupNorm(4, 32), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(32, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.ReLU())
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 16, 5))

    def forward(self, x):
        return self.classifier(self.features(x))


class Trainer:
    def __init__(self, logdir):
        torch.manual_seed(77)
        torch.set_num_threads(1)
        ds = build(7000, 77)
        self.tr, self.va = random_split(ds, [5500, 1500])
        self.model = IVNet()
        self.opt = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)
        self.sched = torch.optim.lr_scheduler.MultiStepLR(self.opt, [10, 14], 0.1)
        self.loss = nn.CrossEntropyLoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, self.loss)

    def fit(self, epochs=16):
        for e in range(epochs):
            self.model.train()
            for x, y in DataLoader(self.tr, 64, shuffle=True):
                self.opt.zero_grad()
                l = self.loss(self.model(x), y)
                l.backward()
                self.opt.step()
            self.sched.step()
            v, a = self.validate()
            print(f"[{e}] val loss {v:.4f} acc {a:.4f}")
        self.writer.close()
        return v, a

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        v = a = 0.0
        with self.writer.evaluating("val"):
            for x, y in DataLoader(self.va, 500):
                z = self.model(x)
                v += self.loss(z, y).item() / 3
                a += (z.argmax(1) == y).float().mean().item() / 3
        return v, a


t = Trainer(sys.argv[1])
v, a = t.fit()
from sklearn.ensemble import ExtraTreesClassifier
X, Y = t.tr.dataset.tensors
i, j = t.tr.indices, t.va.indices
et = ExtraTreesClassifier(200, random_state=0).fit(X[i, 0], Y[i]).score(X[j, 0], Y[j])
print("RESULT val_loss", round(v, 4), "val_acc", round(a, 4), "extra_trees_acc", round(et, 4))

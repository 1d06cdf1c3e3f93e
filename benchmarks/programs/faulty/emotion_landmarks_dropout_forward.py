# Emotion from facial landmarks (34 points -> 68 numbers), residual MLP, trained with a small Trainer class
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)
EMO = ["neutral", "happy", "sad", "angry", "surprised", "disgust"]
P = 34
mean_face = rng.normal(0, 1, (P, 2))
modes = rng.normal(0, 1, (9, P * 2)) / 3                       # identity / pose modes
emo_modes = np.vstack([np.zeros(P * 2), rng.normal(0, 1, (5, P * 2)) * (rng.random((5, P * 2)) < .25)])


def faces(n):
    y = rng.integers(0, 6, n)
    strength = rng.beta(2.2, 1.6, n)
    f = mean_face.ravel() + rng.normal(0, 1, (n, 9)) @ modes + strength[:, None] * emo_modes[y] * .8
    ang = rng.normal(0, .12, n)
    f = f.reshape(n, P, 2)
    rot = np.stack([np.stack([np.cos(ang), -np.sin(ang)], -1), np.stack([np.sin(ang), np.cos(ang)], -1)], 1)
    f = np.einsum("npi,nij->npj", f, rot).reshape(n, -1) + rng.normal(0, .45, (n, 2 * P))
    return f.astype(np.float32), y


xtr, ytr = faces(5000)
xva, yva = faces(800)
m, s = xtr.mean(0), xtr.std(0)
T = torch.from_numpy
train = DataLoader(TensorDataset(T((xtr - m) / s), T(ytr)), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(T((xva - m) / s), T(yva)), batch_size=200)


class Block(nn.Module):
    def __init__(self, d, p):
        super().__init__()
        self.fc1, self.fc2, self.p = nn.Linear(d, d), nn.Linear(d, d), p
        self.drop = nn.Dropout(p)

    def forward(self, x):
        h = F.relu(self.fc1(x))
        if sys.argv[1] == "faulty":
            h = nn.Dropout(self.p)(h)
        else:
            h = self.drop(h)
        return F.relu(x + self.fc2(h))


class EmoNet(nn.Module):
    def __init__(self, d=32, p=.5):
        super().__init__()
        self.inp = nn.Linear(2 * P, d)
        self.blocks = nn.Sequential(Block(d, p), Block(d, p))
        self.out = nn.Linear(d, 6)
        self.p = p
        self.drop = nn.Dropout(p)

    def forward(self, x):
        h = F.relu(self.inp(x))
        h = nn.Dropout(self.p)(h) if sys.argv[1] == "faulty" else self.drop(h)
        h = self.blocks(h)
        h = nn.Dropout(self.p)(h) if sys.argv[1] == "faulty" else self.drop(h)
        return self.out(h)


class Trainer:
    def __init__(self, model, logdir, lr=2e-3, epochs=8):
        self.model, self.epochs = model, epochs
        self.crit = nn.CrossEntropyLoss()
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, epochs)
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.opt, self.crit)

    def train_epoch(self):
        self.model.train()
        tot = n = 0
        for x, y in train:
            self.opt.zero_grad()
            loss = self.crit(self.model(x), y)
            loss.backward()
            self.opt.step()
            tot += loss.item() * len(y)
            n += len(y)
        self.sched.step()
        return tot / n

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        tot = ok = n = 0
        with self.writer.evaluating("val"):
            for x, y in val:
                o = self.model(x)
                tot += self.crit(o, y).item() * len(y)
                ok += (o.argmax(1) == y).sum().item()
                n += len(y)
        return tot / n, ok / n

    def fit(self):
        for e in range(self.epochs):
            t = self.train_epoch()
            v, a = self.validate()
            print(f"[{e + 1:02d}/{self.epochs}] train {t:.4f} val {v:.4f} acc {a:.4f}")
        self.writer.close()
        print(f"RESULT train_loss {t:.4f} val_loss {v:.4f} val_acc {a:.4f}")


Trainer(EmoNet(), sys.argv[2]).fit()

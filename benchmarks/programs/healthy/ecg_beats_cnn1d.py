"""Arrhythmia classes from single synthetic beats; imbalanced (70/20/10), weighted loss. Trainer class."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_beats(n, seed):
    r = np.random.default_rng(seed)
    t = np.linspace(0, 1, 80)
    y = r.choice(3, n, p=[.7, .2, .1])
    x = np.zeros((n, 1, 80), np.float32)
    for i, k in enumerate(y):
        g = lambda c, a, b: a * np.exp(-((t - c - s) / b) ** 2)
        s = r.normal(0, .04)
        qrs = .018 if k != 2 else r.uniform(.028, .05)
        x[i, 0] = (0 if k == 1 else g(.25, r.uniform(.1, .25), .03)) + g(.45, r.uniform(.8, 1.3), qrs) - g(.5, r.uniform(.2, .4), qrs) + g(.72, r.uniform(.2, .4), .05)
        x[i, 0] += r.normal(0, .06, 80) + .1 * np.sin(2 * np.pi * r.uniform(.5, 1) * t + r.uniform(0, 6))
    return x, y


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        def b(i, o): return nn.Sequential(nn.Conv1d(i, o, 7, padding=3), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(2))
        self.f = nn.Sequential(b(1, 12), b(12, 24), b(24, 24))
        self.c = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(240, 3))

    def forward(self, x):
        return self.c(self.f(x))


class Trainer:
    def __init__(self, logdir):
        torch.manual_seed(4)
        x, y = make_beats(2000, 0); xv, yv = make_beats(500, 1)
        m, s = x.mean(), x.std()
        self.train_dl = DataLoader(TensorDataset(torch.tensor((x - m) / s), torch.tensor(y)), 32, shuffle=True)
        self.val_dl = DataLoader(TensorDataset(torch.tensor((xv - m) / s), torch.tensor(yv)), 100)
        self.net = Net()
        self.crit = nn.CrossEntropyLoss(weight=torch.tensor(len(y) / (3 * np.bincount(y)), dtype=torch.float32))
        self.opt = torch.optim.Adam(self.net.parameters(), lr=1e-3, weight_decay=1e-4)
        self.sched = torch.optim.lr_scheduler.ReduceLROnPlateau(self.opt, factor=0.3, patience=2)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.net, self.opt, self.crit, train_loader=self.train_dl)

    def run(self, epochs):
        for e in range(epochs):
            self.net.train()
            for x, y in self.train_dl:
                self.opt.zero_grad()
                loss = self.crit(self.net(x), y)
                loss.backward()
                self.opt.step()
            cm = np.zeros((3, 3), int); vl = 0
            with self.writer.evaluating("val"):
                for x, y in self.val_dl:
                    o = self.net(x); vl += self.crit(o, y).item() / len(self.val_dl)
                    np.add.at(cm, (y.numpy(), o.argmax(1).numpy()), 1)
            self.sched.step(vl)
            print(e, "val %.4f" % vl, "recall", np.round(cm.diagonal() / cm.sum(1), 3), "lr", self.opt.param_groups[0]["lr"])
        self.writer.close()


Trainer(sys.argv[1]).run(12)

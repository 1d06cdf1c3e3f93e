"""Tremor screening from a pen tablet: patient or control, from 2-second segments of handwriting.

Each participant gives 25 segments; a segment is described by 48 log band energies (simulated:
personal style + effect of the disease + segment noise). Early stopping on the validation loss.
Participants recruited later at the same clinic are the final test.

usage: python tremor_writing_patients.py faulty|fixed LOGDIR
"""
import copy
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def cohort(n_people, seed, rng_effect=np.random.RandomState(99)):
    r = np.random.RandomState(seed)
    b = np.arange(48)
    effect = 0.75 * np.exp(-0.5 * ((b - 20) / 4.0) ** 2) + 0.3 * np.exp(-0.5 * ((b - 40) / 3.0) ** 2)
    X, y, g = [], [], []
    for p in range(n_people):
        sick = p % 2
        style = 0.55 * r.randn(48) + 0.25 * r.randn()
        strength = sick * r.uniform(0.8, 1.6)
        X.append(style + strength * effect + 0.5 * r.randn(25, 48))
        y += [sick] * 25
        g += [p] * 25
    return np.concatenate(X).astype("float32"), np.array(y), np.array(g)


class Trainer:
    def __init__(self, model, logdir, lr=1e-3, patience=10, max_epochs=60, batch_size=32):
        self.model, self.patience, self.max_epochs, self.bs = model, patience, max_epochs, batch_size
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)
        self.crit = nn.CrossEntropyLoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, self.crit)

    def evaluate(self, X, y, tag):
        loss = hit = 0.0
        with self.writer.evaluating(tag):
            for i in range(0, len(X), 125):
                o = self.model(X[i:i + 125])
                loss += self.crit(o, y[i:i + 125]).item() * len(o)
                hit += (o.argmax(1) == y[i:i + 125]).sum().item()
        return loss / len(X), hit / len(X)

    def fit(self, X, y, Xv, yv):
        best, wait, state = 1e9, 0, None
        for epoch in range(self.max_epochs):
            self.model.train()
            perm = torch.randperm(len(X))
            for i in range(0, len(X), self.bs):
                j = perm[i:i + self.bs]
                self.opt.zero_grad()
                loss = self.crit(self.model(X[j]), y[j])
                loss.backward()
                self.opt.step()
            vl, va = self.evaluate(Xv, yv, "val")
            print(f"epoch {epoch + 1:2d}  val loss {vl:.3f}  val acc {va:.3f}")
            if vl < best:
                best, wait, state, self.val = vl, 0, copy.deepcopy(self.model.state_dict()), (vl, va)
            else:
                wait += 1
                if wait >= self.patience:
                    break
        self.model.load_state_dict(state)


def main(form, logdir):
    torch.manual_seed(8)
    X, y, groups = cohort(120, seed=8)
    Xte, yte, _ = cohort(60, seed=1008)
    if form == "faulty":
        tr, va = train_test_split(np.arange(len(X)), test_size=0.25, stratify=y, random_state=0)
    else:
        tr, va = next(GroupShuffleSplit(1, test_size=0.25, random_state=0).split(X, y, groups))
    m, s = X[tr].mean(0), X[tr].std(0)
    T = lambda a: torch.tensor((a - m) / s)
    L = torch.tensor
    net = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
    t = Trainer(net, logdir)
    t.fit(T(X[tr]), L(y[tr]), T(X[va]), L(y[va]))
    tl, ta = t.evaluate(T(Xte), L(yte), "test")
    t.writer.close()
    print(f"RESULT val_loss {t.val[0]:.3f} val_acc {t.val[1]:.3f} test_loss {tl:.3f} test_acc {ta:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""Popularity of a song from audio features; a miniature fastai: Learner, Recorder, LR scheduling as callbacks."""
import sys
from functools import partial
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)


def songs(n, seed=21):
    r = np.random.default_rng(seed)
    z = r.normal(size=(n, 3))                                     # mood, loudness war, folkiness
    energy = 1 / (1 + np.exp(-(z[:, 1] + .4 * r.normal(size=n))))
    loud = -8 + 3 * z[:, 1] + r.normal(size=n)
    acoustic = 1 / (1 + np.exp(-(2 * z[:, 2] - z[:, 1] + .5 * r.normal(size=n))))
    dance = np.clip(.6 + .12 * z[:, 0] + .08 * r.normal(size=n), 0, 1)
    valence = 1 / (1 + np.exp(-(z[:, 0] + .5 * r.normal(size=n))))
    tempo = r.choice([85, 100, 120, 128, 140, 170], n) + r.normal(0, 6, n)
    dur = r.lognormal(5.35, .25, n)
    speech = r.beta(1.2, 10, n)
    year = 2022 - r.exponential(12, n)
    pop = (42 + 18 * np.tanh((year - 2012) / 8) + 25 * (dance - .6) + 8 * energy * (1 - acoustic) - 9 * np.abs(np.log(dur / 200)) * 2
           + 6 * np.cos((tempo - 122) / 22) + 10 * valence * dance + r.normal(0, 11, n))
    x = np.stack([energy, loud, acoustic, dance, valence, tempo, dur, speech, year], 1)
    return x.astype(np.float32), np.clip(pop, 0, 100).astype(np.float32)[:, None]


class Callback:
    order = 0
    def __getattr__(self, name):
        if name.startswith(("before_", "after_")):
            return lambda: None
        raise AttributeError(name)


class Learner:
    def __init__(self, model, dls, loss_func, opt_func, lr, cbs=()):
        self.model, self.dls, self.loss_func, self.opt_func, self.lr = model, dls, loss_func, opt_func, lr
        self.cbs = sorted(cbs, key=lambda c: c.order)
        for c in self.cbs:
            c.learn = self

    def __call__(self, name):
        for c in self.cbs:
            getattr(c, name)()

    def one_batch(self, b):
        self.xb, self.yb = b
        self.loss = self.loss_func(self.model(self.xb), self.yb)
        if self.model.training:
            self.loss.backward()
            self.opt.step()
            self("after_step")
            self.opt.zero_grad()
        self("after_batch")

    def all_batches(self, dl):
        for b in dl:
            self.one_batch(b)

    def fit(self, n_epochs, logdir):
        self.n_epochs = n_epochs
        self.opt = self.opt_func(self.model.parameters(), lr=self.lr)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.opt, self.loss_func)
        self("before_fit")
        for self.epoch in range(n_epochs):
            self("before_epoch")
            self.model.train()
            self.all_batches(self.dls[0])
            self.model.eval()
            with torch.no_grad(), self.writer.evaluating("val"):
                self.all_batches(self.dls[1])
            self("after_epoch")
        self.writer.close()


class Recorder(Callback):
    order = 1
    def before_epoch(self): self.acc = {True: [0., 0], False: [0., 0]}
    def after_batch(self):
        a = self.acc[self.learn.model.training]
        a[0] += self.learn.loss.item() * len(self.learn.xb)
        a[1] += len(self.learn.xb)
    def after_epoch(self):
        self.last = {k: s / n for k, (s, n) in self.acc.items()}
        print(f"{self.learn.epoch:3d} | {self.last[True]:.4f} | {self.last[False]:.4f}")


class OneCycle(Callback):
    def before_fit(self):
        l = self.learn
        self.sched = optim.lr_scheduler.OneCycleLR(l.opt, l.lr, total_steps=l.n_epochs * len(l.dls[0]), pct_start=.25)
    def after_step(self): self.sched.step()


x, y = map(torch.tensor, songs(4500))
ds = TensorDataset(x, y / 100)
n_val = 900
val_ds, train_ds = random_split(ds, [n_val, len(ds) - n_val])
x_tr = x[train_ds.indices]


class Standardise(nn.Module):                       # tempo 120, year 2010, loudness -8: raw columns go in, the net scales them
    def __init__(self, x):
        super().__init__()
        self.register_buffer("m", x.mean(0))
        self.register_buffer("s", x.std(0))
    def forward(self, x): return (x - self.m) / self.s


model = nn.Sequential(Standardise(x_tr), nn.Linear(9, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 24), nn.BatchNorm1d(24), nn.ReLU(),
                      nn.Linear(24, 1), nn.Sigmoid())
rec = Recorder()
learn = Learner(model, (DataLoader(train_ds, 64, shuffle=True, drop_last=True), DataLoader(val_ds, 256)), nn.MSELoss(),
                partial(optim.AdamW, weight_decay=.01), lr=1e-2, cbs=[rec, OneCycle()])
learn.fit(12, sys.argv[1])
print(f"RESULT train={rec.last[True]:.5f} val={rec.last[False]:.5f} var={ds.tensors[1].var():.5f} noise=.0121")

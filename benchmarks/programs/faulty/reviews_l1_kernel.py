"""Sentiment with averaged word vectors. Trainer class; `l1` is what Keras calls kernel_regularizer=l1(...)."""
import argparse
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Corpus:
    """word 0 is padding; sentiment words come in clusters of topics"""
    def __init__(self, n, vocab=1500, length=40, seed=0):
        r = np.random.RandomState(seed)
        base = 1 / (np.arange(1, vocab) + 5.)
        pol = np.where(r.rand(vocab - 1) < .2, r.randn(vocab - 1) * 1.1, 0)
        self.y = r.randint(0, 2, n)
        self.x = np.zeros((n, length), int)
        for i in range(n):
            s = 2 * self.y[i] - 1
            p = base * np.exp(pol * s * r.uniform(.35, 1))
            k = r.randint(12, length + 1)
            self.x[i, :k] = 1 + r.choice(vocab - 1, k, p=p / p.sum())


class BagNet(nn.Module):
    def __init__(self, vocab=1500, dim=24):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        nn.init.normal_(self.emb.weight, std=.1)
        self.hidden = nn.Linear(dim, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        mask = (x > 0).unsqueeze(-1)
        v = (self.emb(x) * mask).sum(1) / mask.sum(1)
        return self.out(torch.relu(self.hidden(v))).squeeze(-1)


class Trainer:
    def __init__(self, net, l1, logdir, lr=1e-3):
        self.net, self.l1 = net, l1
        self.opt = torch.optim.RMSprop(net.parameters(), lr=lr)
        self.bce = nn.BCEWithLogitsLoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(net, self.opt, self.bce)

    def penalty(self):
        return self.l1 * sum(layer.weight.abs().sum() for layer in (self.net.hidden, self.net.out))

    def epoch(self, x, y, bs=64):
        self.net.train()
        s = 0.
        for b in torch.randperm(len(x)).split(bs):
            ce = self.bce(self.net(x[b]), y[b])
            self.opt.zero_grad()
            (ce + self.penalty()).backward()
            self.opt.step()
            s += ce.item() * len(b)
        return s / len(x)

    def validate(self, x, y):
        self.net.eval()
        with self.writer.evaluating("val"):
            o = self.net(x)
            return self.bce(o, y).item(), ((o > 0) == (y > .5)).float().mean().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("form")
    ap.add_argument("logdir")
    a = ap.parse_args()
    torch.manual_seed(0)
    c = Corpus(8000)
    x, y = torch.tensor(c.x), torch.tensor(c.y, dtype=torch.float32)
    t = Trainer(BagNet(), l1=1e-2 if a.form == "faulty" else 1e-5, logdir=a.logdir)
    for e in range(4):
        tr = t.epoch(x[:6500], y[:6500])
        va, acc = t.validate(x[6500:], y[6500:])
        print(f"epoch {e + 1} train {tr:.4f} val {va:.4f} acc {acc:.4f}")
    t.writer.close()
    print(f"RESULT train={tr:.4f} val={va:.4f} acc={acc:.4f}")

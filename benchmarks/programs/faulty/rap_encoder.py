# -*- coding: utf-8 -*-
"""Theme classifier for rap lines: embedding of the previous line, one hidden layer, theme logits."""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

FLAGS = dict(vocab=120, themes=6, line_len=12, embed=16, hidden=64, batch=32, lr=5e-3, epochs=10)


def write_lines(n, rng):
    """every theme favours its own words; two thirds of a line are filler"""
    themed = rng.permutation(FLAGS["vocab"])[:72].reshape(FLAGS["themes"], 12)
    filler = np.setdiff1d(np.arange(FLAGS["vocab"]), themed.ravel())
    X, Y = [], []
    for _ in range(n):
        y = rng.randint(FLAGS["themes"])
        line = []
        for _ in range(FLAGS["line_len"]):
            u = rng.rand()
            if u < 0.3:
                line.append(rng.choice(themed[y]))
            elif u < 0.4:
                line.append(rng.choice(themed[rng.randint(FLAGS["themes"])]))
            else:
                line.append(rng.choice(filler))
        X.append(line)
        Y.append(y)
    return np.array(X), np.array(Y)


class Encoder(nn.Module):
    def __init__(self, time_major_reshape):
        super().__init__()
        self.flag = time_major_reshape
        self.embedding = nn.Embedding(FLAGS["vocab"], FLAGS["embed"])
        self.fc = nn.Linear(FLAGS["embed"] * FLAGS["line_len"], FLAGS["hidden"])
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(FLAGS["hidden"], FLAGS["themes"])

    def forward(self, enc_inputs):
        batch_size = enc_inputs.size(0)
        if self.flag:
            enc_inputs = enc_inputs.t()
        emb = self.embedding(enc_inputs)
        emb = emb.reshape(batch_size, -1)
        h = torch.tanh(self.fc(self.drop(emb)))
        return self.out(self.drop(h))


def batches(X, Y, shuffle):
    order = list(range(len(X)))
    if shuffle:
        random.shuffle(order)
    for s in range(0, len(order), FLAGS["batch"]):
        ids = order[s:s + FLAGS["batch"]]
        yield torch.as_tensor(X[ids]), torch.as_tensor(Y[ids])


def main(form, logdir):
    random.seed(1), torch.manual_seed(1)
    rng = np.random.RandomState(1)
    X, Y = write_lines(5000, rng)
    Xt, Yt, Xv, Yv = X[:4000], Y[:4000], X[4000:], Y[4000:]
    net = Encoder(time_major_reshape=(form == "faulty"))
    xent = nn.CrossEntropyLoss()
    optim = torch.optim.Adam(net.parameters(), lr=FLAGS["lr"], weight_decay=1e-4)
    w = DiagWriter(logdir)
    w.watch(net, optim, xent)
    for e in range(FLAGS["epochs"]):
        net.train()
        tr = []
        for x, y in batches(Xt, Yt, True):
            optim.zero_grad()
            loss = xent(net(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optim.step()
            tr.append(loss.item())
        net.eval()
        va, ok = [], 0
        with torch.no_grad():
            with w.evaluating("val"):
                for x, y in batches(Xv, Yv, False):
                    p = net(x)
                    va.append(xent(p, y).item())
                    ok += (p.argmax(-1) == y).sum().item()
        print("epoch %2d | train %.3f | valid %.3f | acc %.3f" % (e + 1, np.mean(tr), np.mean(va), ok / len(Xv)))
    w.close()


main(*sys.argv[1:3])

"""Which fault mode of a cold store produced this temperature trace? Stack of gated dilated convolutions (WaveNet style).
Simulated traces: compressor cycles plus drift, with three kinds of disturbed defrost events."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


def traces(n, rng, length=64):
    X, Y = np.zeros((n, 1, length), np.float32), rng.integers(0, 4, n)
    t = np.arange(length)
    for i in range(n):
        s = 0.6 * np.sin(2 * np.pi * t / rng.uniform(8, 14) + rng.uniform(0, 6.3)) + 0.4 * rng.standard_normal(length)
        at = rng.integers(8, length - 16)
        if Y[i] == 1:
            s[at:] += 2.0 * np.exp(-(t[at:] - at) / 6)
        elif Y[i] == 2:
            s[at:at + 8] += np.linspace(0, 2.5, 8)
        elif Y[i] == 3:
            s[at:at + 8] -= 1.6
        X[i, 0] = s
    return torch.tensor(X), torch.tensor(Y)


class GatedBlock(nn.Module):
    def __init__(self, ch, dilation, form):
        super().__init__()
        self.form = form
        self.filt = nn.Conv1d(ch, ch, 3, padding=dilation, dilation=dilation)
        self.gate = nn.Conv1d(ch, ch, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(ch, ch, 1)

    def forward(self, x):
        h = self.mix(torch.tanh(self.filt(x)) * torch.sigmoid(self.gate(x)))
        if self.form == "fixed":
            h = h + x
        return h


class Net(nn.Module):
    def __init__(self, form, ch=12, blocks=9):
        super().__init__()
        self.inp = nn.Conv1d(1, ch, 1)
        self.blocks = nn.ModuleList([GatedBlock(ch, 2 ** (k % 3), form) for k in range(blocks)])
        self.head = nn.Linear(ch, 4)

    def forward(self, x):
        x = self.inp(x)
        for b in self.blocks:
            x = b(x)
        return self.head(x.amax(-1))


def run(form, logdir):
    torch.manual_seed(4)
    torch.set_num_threads(1)
    rng = np.random.default_rng(4)
    train, val = traces(1200, rng), traces(400, rng)
    loader = DataLoader(TensorDataset(*train), batch_size=40, shuffle=True)
    net = Net(form)
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    ce = nn.CrossEntropyLoss()
    w = DiagWriter(logdir)
    w.watch(net, opt, ce)
    for epoch in range(14):
        net.train()
        for x, y in loader:
            opt.zero_grad()
            loss = ce(net(x), y)
            loss.backward()
            opt.step()
        net.eval()
        with w.evaluating("val"):
            out = net(val[0])
            vl = ce(out, val[1]).item()
        acc = (out.argmax(1) == val[1]).float().mean().item()
        print(epoch, round(loss.item(), 4), round(vl, 4), round(acc, 4))
    w.close()
    print("RESULT acc", round(acc, 4), "val_loss", round(vl, 4))


ap = argparse.ArgumentParser()
ap.add_argument("form")
ap.add_argument("logdir")
ns = ap.parse_args()
run(ns.form, ns.logdir)

"""LSTM written by hand (after a blog post), next-step forecast of a household's electricity load.
The load is simulated: daily and weekly rhythm, weather drift, appliances switching on and off.

usage: power_meter_lstm_from_scratch.py faulty|fixed LOGDIR"""
import math
import sys

import numpy as np
import torch
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def load_series(n=4000, seed=2):
    g = np.random.default_rng(seed)
    t = np.arange(n)
    base = 0.6 + 0.35 * np.sin(2 * np.pi * (t % 24) / 24 - 2) + 0.2 * np.sin(4 * np.pi * (t % 24) / 24) + 0.15 * ((t // 24) % 7 > 4)
    drift = np.zeros(n)
    heat = np.zeros(n)
    on = 0
    for i in range(1, n):
        drift[i] = 0.97 * drift[i - 1] + 0.03 * g.normal()
        on = on - 1 if on > 0 else (5 if g.random() < 0.05 else 0)
        heat[i] = 0.6 * (on > 0)
    return base + drift + heat + 0.03 * g.normal(size=n)


class CustomLSTM(nn.Module):
    def __init__(self, n_in, n_hid, style):
        super().__init__()
        self.n_hid = n_hid
        self.W = nn.Parameter(torch.empty(n_in, 4 * n_hid))
        self.U = nn.Parameter(torch.empty(n_hid, 4 * n_hid))
        self.b = nn.Parameter(torch.zeros(4 * n_hid))
        self.head = nn.Linear(n_hid, 1)
        bound = 1.0 / math.sqrt(n_hid)
        for p in (self.W, self.U):
            if style == "faulty":
                nn.init.normal_(p)
            else:
                nn.init.uniform_(p, -bound, bound)

    def forward(self, x):
        h = c = x.new_zeros(x.size(0), self.n_hid)
        for t in range(x.size(1)):
            i, f, g, o = (x[:, t] @ self.W + h @ self.U + self.b).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return self.head(h)


def main():
    torch.manual_seed(2)
    s = load_series()
    s = (s - s[:3200].mean()) / s[:3200].std()
    L = 30
    x = torch.tensor(np.stack([s[i:i + L] for i in range(len(s) - L)]), dtype=torch.float32).unsqueeze(-1)
    y = torch.tensor(s[L:], dtype=torch.float32).unsqueeze(-1)
    cut = 3200 - L
    xtr, ytr, xva, yva = x[:cut], y[:cut], x[cut:], y[cut:]
    model = CustomLSTM(1, 64, sys.argv[1])
    loss_fn = nn.MSELoss()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, opt, loss_fn)
    for epoch in range(10):
        model.train()
        total = 0.0
        for idx in torch.randperm(cut).split(64):
            opt.zero_grad()
            loss = loss_fn(model(xtr[idx]), ytr[idx])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            total += loss.item() * len(idx)
        with writer.evaluating("val"):
            val = loss_fn(model(xva), yva).item()
        print("epoch %d train %.4f val %.4f" % (epoch, total / cut, val))
    writer.close()
    print("RESULT val_mse", round(val, 4))


main()

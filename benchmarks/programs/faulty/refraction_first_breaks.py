#!/usr/bin/env python3
"""First-break picking on refraction shot gathers: a 1-D CNN regresses the arrival time of each trace.

The gathers are simulated (two-layer ground, Ricker-like wavelet, geophone noise) and written
to a binary file of 16-bit integers, in network byte order as field recorders write them,
then read back for the training.

usage: refraction_first_breaks.py faulty|fixed LOGDIR
"""
import os
import sys
import tempfile

import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

NS, DT = 160, 1.0  # samples, ms


def ricker(t, f):
    a = (np.pi * f * t) ** 2
    return (1 - 2 * a) * np.exp(-a)


def write_survey(path, n_shots, n_geo, rng):
    picks, traces = [], []
    t = np.arange(NS) * DT
    for _ in range(n_shots):
        v1, v2, h = rng.uniform(0.4, 0.9), rng.uniform(1.5, 3.0), rng.uniform(3, 15)
        f = rng.uniform(0.03, 0.06)
        for off in np.linspace(4, 70, n_geo):
            direct = off / v1
            refr = off / v2 + 2 * h * np.sqrt(v2 ** 2 - v1 ** 2) / (v1 * v2)
            fb = min(direct, refr) + rng.normal(0, 0.8) + 8
            x = np.zeros(NS)
            for arr, amp in ((fb, 1.0), (max(direct, refr) + 8, 1.3), (fb + rng.uniform(10, 30), 0.6)):
                tt = t - arr - 0.6 / f
                x += amp * ricker(tt, f)
            x = 6000 * x / (1 + off / 40) + rng.normal(0, 350, NS)
            traces.append(np.clip(np.round(x), -32768, 32767))
            picks.append(min(fb, NS - 1))
    np.stack(traces).astype(">i2").tofile(path)
    return np.array(picks, dtype="float32")


def read_survey(path, dtype):
    return np.fromfile(path, dtype=dtype).reshape(-1, NS).astype("float32")


class Picker(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 12, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(12, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(24, 24, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2))
        self.regressor = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(24 * NS // 8, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.regressor(self.features(x)).squeeze(1)


def main():
    form, logdir = sys.argv[1], sys.argv[2]
    torch.set_num_threads(1)
    torch.manual_seed(21)
    rng = np.random.default_rng(21)
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "line07.dat")
        picks = write_survey(path, 120, 24, rng)
        gather = read_survey(path, np.int16 if form == "faulty" else ">i2")
    gather = gather / gather.std()
    x = torch.from_numpy(gather)[:, None]
    y = torch.from_numpy((picks - picks.mean()) / picks.std())
    n = 96 * 24                      # last 24 shots for validation
    xt, yt, xv, yv = x[:n], y[:n], x[n:], y[n:]

    model = Picker()
    criterion = nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(12):
        model.train()
        order, total = torch.randperm(n), 0.0
        for k in range(0, n, 32):
            b = order[k:k + 32]
            optimizer.zero_grad()
            loss = criterion(model(xt[b]), yt[b])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(b)
        with writer.evaluating("val"):
            out = []
            for k in range(0, len(xv), 192):
                o = model(xv[k:k + 192])
                criterion(o, yv[k:k + 192])
                out.append(o)
            out = torch.cat(out)
        mae = ((out - yv).abs().mean() * picks.std()).item()
        print(f"epoch {epoch + 1:2d}  train {total / n:.4f}  pick error {mae:.2f} ms")
    base = float(np.abs(picks[n:] - np.median(picks[:n])).mean())
    writer.close()
    print(f"RESULT pick_mae_ms {mae:.2f} constant_guess_ms {base:.2f}")


if __name__ == "__main__":
    main()

"""Which of five vowels is sung?  Source-filter synthesis (glottal pulses through three formants), log spectrum frames, GRU."""
import argparse
import math

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

FORMANTS = {"a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010), "o": (570, 840, 2410), "u": (300, 870, 2240)}
SR = 8000


def sing(rng, vowel):
    n = SR // 4
    t = np.arange(n) / SR
    f0 = rng.uniform(90, 260)
    phase = 2 * np.pi * np.cumsum(f0 * (1 + 0.02 * np.sin(2 * np.pi * 5 * t + rng.uniform(0, 6)))) / SR
    scale = rng.uniform(0.82, 1.18)
    out = np.zeros(n)
    for h in range(1, int(3800 / f0)):
        f = h * f0
        gain = sum(w / (1 + ((f - fo * scale) / bw) ** 2) for fo, bw, w in zip(FORMANTS[vowel], (90, 110, 160), (1, 0.5, 0.25)))
        out += gain / h ** 0.5 * np.sin(h * phase)
    return out / out.std() + rng.uniform(0.5, 1.6) * rng.normal(size=n)


def frames(wave, size=256, hop=160, bands=24):
    win = np.hanning(size)
    spec = np.abs(np.fft.rfft(np.stack([wave[i:i + size] * win for i in range(0, len(wave) - size, hop)]))) ** 2
    edges = np.geomspace(3, size // 2 + 1, bands + 1).astype(int)
    return np.log(np.stack([spec[:, a:max(b, a + 1)].mean(1) for a, b in zip(edges[:-1], edges[1:])], 1) + 1e-3)


class VowelNet(nn.Module):
    def __init__(self, bands=24, hidden=48, classes=5):
        super().__init__()
        self.norm = nn.LayerNorm(bands)
        self.gru = nn.GRU(bands, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, x):
        h, _ = self.gru(self.norm(x))
        return self.fc(self.drop(h.mean(1)))


def main(args):
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    names = list(FORMANTS)
    y = torch.tensor(rng.integers(0, 5, 3800))
    X = torch.tensor(np.stack([frames(sing(rng, names[k])) for k in y])).float()
    tr, va, te = slice(0, 2800), slice(2800, 3300), slice(3300, None)
    train = DataLoader(TensorDataset(X[tr], y[tr]), args.batch_size, shuffle=True)
    model, ce = VowelNet(), nn.CrossEntropyLoss()
    opt = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    writer = DiagWriter(args.logdir)
    writer.watch(model, opt, ce)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs)
    hist = []
    for epoch in range(args.epochs):
        model.train()
        for xb, yb in train:
            loss = ce(model(xb), yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
        sched.step()
        with writer.evaluating("val"):
            o = model(X[va])
            hist.append(ce(o, y[va]).item())
        print(f"{epoch:02d} {hist[-1]:.4f} {(o.argmax(1) == y[va]).float().mean():.4f}")
    with writer.evaluating("test"):
        o = model(X[te])
        tl = ce(o, y[te]).item()
    writer.close()
    from sklearn.linear_model import LogisticRegression
    f = lambda s: torch.cat([X[s].mean(1), X[s].std(1)], 1).numpy()
    b = LogisticRegression(max_iter=3000).fit(f(tr), y[tr]).score(f(te), y[te])
    print(f"RESULT test_acc {(o.argmax(1) == y[te]).float().mean():.4f} logreg {b:.4f} test_ce {tl:.4f} val_min {min(hist):.4f} val_last {hist[-1]:.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    ap.add_argument("--epochs", type=int, default=9)
    ap.add_argument("--batch-size", type=int, default=32)
    ap.add_argument("--lr", type=float, default=4e-3)
    ap.add_argument("--seed", type=int, default=0)
    main(ap.parse_args())

"""Activity recognition from accelerometers: trained on device A wearers, tested on device B wearers."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
RNG = np.random.default_rng(0)


def record(n, gain, offset):
    t = np.arange(64) / 32
    y = RNG.integers(0, 4, n)
    f, amp = np.array([0.0, 1.5, 2.5, 2.5])[y], np.array([.1, .5, .9, 1.7])[y]
    ph = RNG.uniform(0, 6.28, n)
    sig = np.stack([amp[:, None] * np.sin(2 * np.pi * f[:, None] * t + ph[:, None] + k) for k in range(3)], 1)
    sig[:, 2] += 1.0
    sig += .25 * RNG.normal(size=sig.shape)
    return gain * sig + offset, y


def per_device(x):
    return (x - x.mean((0, 2), keepdims=True)) / x.std((0, 2), keepdims=True)


class HARNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(3, 16, 5); self.b1 = nn.BatchNorm1d(16)
        self.c2 = nn.Conv1d(16, 32, 5); self.b2 = nn.BatchNorm1d(32)
        self.fc = nn.Linear(32, 4)

    def forward(self, x):
        x = torch.max_pool1d(torch.relu(self.b1(self.c1(x))), 2)
        x = torch.relu(self.b2(self.c2(x))).mean(2)
        return self.fc(x)


def evaluate(model, loader, fn):
    l = a = 0
    for x, y in loader:
        o = model(x)
        l += fn(o, y).item() / len(loader)
        a += (o.argmax(1) == y).float().mean().item() / len(loader)
    return l, a


def main(mode, logdir):
    (xa, ya), (xb, yb) = record(2000, 1.0, 0.0), record(600, 0.4, 1.5)
    if mode == "fixed":
        xa, xb = per_device(xa), per_device(xb)
    else:
        xa, xb = xa, xb
    T = lambda x, y: TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))
    train = DataLoader(T(xa[:1500], ya[:1500]), 32, shuffle=True)
    val, test = DataLoader(T(xa[1500:], ya[1500:]), 100), DataLoader(T(xb, yb), 100)
    model, fn = HARNet(), nn.CrossEntropyLoss()
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    w = DiagWriter(logdir)
    w.watch(model, opt, fn, train_loader=train)
    for ep in range(12):
        model.train()
        for x, y in train:
            opt.zero_grad()
            loss = fn(model(x), y)
            loss.backward()
            opt.step()
        with w.evaluating("val"):
            v = evaluate(model, val, fn)
        with w.evaluating("test"):
            t = evaluate(model, test, fn)
        print(f"{ep}: train {loss.item():.3f} val {v[0]:.3f}/{v[1]:.3f} test {t[0]:.3f}/{t[1]:.3f}")
    w.close()


main(*sys.argv[1:])

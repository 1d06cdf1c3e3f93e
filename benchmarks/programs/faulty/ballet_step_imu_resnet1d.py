"""1-D residual net for dance steps from an ankle IMU (simulated, 6 channels, 8 steps). Port of our Keras model."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

KERAS_BN = {"faulty": dict(eps=1e-3, momentum=0.001), "fixed": dict(eps=1e-3, momentum=0.1)}


def recordings(n, g, classes=8, T=96):
    proto = np.random.default_rng(123)
    freq, amp, ph = proto.uniform(1, 6, (classes, 6)), proto.uniform(.3, 1.5, (classes, 6)), proto.uniform(0, 6, (classes, 6))
    y = g.integers(0, classes, n)
    t = np.linspace(0, 1, T)
    x = np.zeros((n, 6, T), "float32")
    for i, c in enumerate(y):
        s = g.normal(1, .08); sh = g.uniform(-.08, .08)
        x[i] = (amp[c] * g.normal(1, .2, 6))[:, None] * np.sin(2 * np.pi * freq[c][:, None] * s * (t + sh)[None] + ph[c][:, None])
    x += g.normal(0, .5, x.shape)
    # accelerometer in m/s^2 carries gravity on one axis, gyroscope is in rad/s
    x[:, 2] += 1.2
    return torch.tensor(x), torch.tensor(y)


class Res(nn.Module):
    def __init__(self, cin, cout, bn):
        super().__init__()
        self.c1 = nn.Conv1d(cin, cout, 7, padding=3, bias=False)
        self.b1 = nn.BatchNorm1d(cout, **bn)
        self.c2 = nn.Conv1d(cout, cout, 5, padding=2, bias=False)
        self.b2 = nn.BatchNorm1d(cout, **bn)
        self.skip = nn.Sequential(nn.Conv1d(cin, cout, 1, bias=False), nn.BatchNorm1d(cout, **bn))

    def forward(self, x):
        h = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(h)) + self.skip(x))


class ResNet1d(nn.Module):
    def __init__(self, bn, classes=8):
        super().__init__()
        self.r1, self.r2, self.r3 = Res(6, 24, bn), Res(24, 32, bn), Res(32, 32, bn)
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        x = F.max_pool1d(self.r1(x), 2)
        x = F.max_pool1d(self.r2(x), 2)
        return self.fc(self.r3(x).mean(2))


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    g = np.random.default_rng(1)
    train = DataLoader(TensorDataset(*recordings(1200, g)), batch_size=32, shuffle=True)
    val = DataLoader(TensorDataset(*recordings(400, g)), batch_size=100)
    model = ResNet1d(KERAS_BN[sys.argv[1]])
    opt = torch.optim.Adam(model.parameters(), 1e-3)
    crit = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, opt, crit)
    for ep in range(10):
        model.train()
        tl = ta = 0
        for x, y in train:
            opt.zero_grad()
            o = model(x); loss = crit(o, y)
            loss.backward(); opt.step()
            tl += loss.item() * len(y) / 1200; ta += (o.argmax(1) == y).sum().item() / 1200
        model.eval()
        vl = va = 0
        with writer.evaluating("val"):
            for x, y in val:
                o = model(x)
                vl += crit(o, y).item() * len(y) / 400; va += (o.argmax(1) == y).sum().item() / 400
        print(f"Epoch {ep+1}/10 - loss: {tl:.4f} - acc: {ta:.4f} - val_loss: {vl:.4f} - val_acc: {va:.4f}")
    writer.close()
    print(f"RESULT val_acc {va:.4f} val_loss {vl:.4f}")


main()

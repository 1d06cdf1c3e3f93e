"""Sleep spindles in one EEG channel, marked sample by sample, by a stack of dilated convolutions."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FS, T = 64, 192


def recording(n, seed):
    rs = np.random.RandomState(seed)
    t = np.arange(T) / FS
    X, Y = np.zeros((n, 1, T), 'f'), np.zeros((n, T), 'f')
    for i in range(n):
        pink = np.cumsum(rs.randn(T)) * .25
        pink -= pink.mean()
        x = pink + rs.randn(T) * .6 + rs.uniform(.3, 1) * np.sin(2 * np.pi * rs.uniform(7, 10.5) * t + rs.rand() * 6)
        if rs.rand() < .7:
            dur = rs.uniform(.5, 1.2)
            c = rs.uniform(.5, 2.5)
            env = np.exp(-.5 * ((t - c) / (dur / 3)) ** 2)
            x += rs.uniform(.8, 2.) * env * np.sin(2 * np.pi * rs.uniform(11.5, 15) * t + rs.rand() * 6)
            Y[i] = np.abs(t - c) < dur / 2 + rs.randn() * .05    # scorers do not agree to the sample
        if rs.rand() < .3:                                      # muscle burst
            a = rs.randint(T - 40)
            x[a:a + 40] += rs.randn(40) * 1.5
        X[i, 0] = (x - x.mean()) / x.std()
    return torch.from_numpy(X), torch.from_numpy(Y)


class SpindleNet(nn.Module):
    def __init__(self, width=12, nConv=4):
        super(SpindleNet, self).__init__()
        self.conv1 = nn.Conv1d(1, width, 5, padding=2)
        self.bn1 = nn.BatchNorm1d(width)
        conv2, bn2 = [], []
        for i in range(nConv):
            conv2.append(nn.Conv1d(width, width, 5, padding=2 * 2 ** i, dilation=2 ** i))
            bn2.append(nn.BatchNorm1d(width))
        if sys.argv[1] == "faulty":
            self.conv2, self.bn2 = conv2, bn2
        else:
            self.conv2, self.bn2 = nn.ModuleList(conv2), nn.ModuleList(bn2)
        self.conv3 = nn.Conv1d(width, 1, 1)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        for conv, bn in zip(self.conv2, self.bn2):
            x = torch.relu(bn(conv(x)))
        return self.conv3(x).squeeze(1)


def f1(logits, y):
    p = logits > 0
    tp = (p & (y > .5)).sum().item()
    return 2 * tp / (p.sum().item() + y.sum().item() + 1e-9)


def main():
    torch.manual_seed(1)
    Xtr, Ytr = recording(1200, 0)
    Xva, Yva = recording(400, 1)
    model = SpindleNet()
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    epochs, bs = 6, 24
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, loss_fn)
    for epoch in range(epochs):
        model.train()
        perm = torch.randperm(len(Xtr))
        s = 0.
        for b in perm.split(bs):
            optimizer.zero_grad()
            loss = loss_fn(model(Xtr[b]), Ytr[b])
            loss.backward()
            optimizer.step()
            s += loss.item() * len(b)
        scheduler.step()
        model.eval()
        with writer.evaluating("val"):
            with torch.no_grad():
                out = model(Xva)
                val = loss_fn(out, Yva).item()
        print(f"{epoch:2d} train {s / len(Xtr):.4f} val {val:.4f} F1 {f1(out, Yva):.3f}")
    writer.close()
    print(f"RESULT val_loss={val:.4f} f1={f1(out, Yva):.4f}")


main()

"""Solder joint photographs 3x20x20: good (88 %) or defective (12 %).  Small CNN, one logit, BCEWithLogitsLoss, Adam."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import average_precision_score
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(55)
np.random.seed(55)


def render(n):
    yy, xx = np.mgrid[-1:1:20j, -1:1:20j]
    bad = np.random.rand(n) < .12
    out = np.empty((n, 3, 20, 20), np.float32)
    for i in range(n):
        cx, cy, r = *np.random.normal(0, .08, 2), np.random.normal(.6, .05)
        d = np.hypot(xx - cx, yy - cy)
        pad = 1 / (1 + np.exp((d - r) * 18))
        shine = np.exp(-((xx - cx + .2) ** 2 + (yy - cy + .2) ** 2) / np.random.uniform(.03, .08))
        if bad[i]:
            kind = np.random.randint(3)
            s = np.random.uniform(.35, 1.)                                  # some defects hardly show
            if kind == 0:                                                   # bridge
                pad = np.maximum(pad, s * np.exp(-((yy - cy) / .12) ** 2) * (xx > 0))
            elif kind == 1:                                                 # void
                a = np.random.uniform(0, 6.28)
                pad -= s * .8 * np.exp(-((xx - cx - .25 * np.cos(a)) ** 2 + (yy - cy - .25 * np.sin(a)) ** 2) / .02)
            else:                                                           # cold joint: dull
                shine = shine * (1 - s)
        light = np.random.uniform(.7, 1.2)
        for c, (p, b) in enumerate(zip((.75, .75, .8), (.1, .35, .15))):
            out[i, c] = light * (b + (p - b) * pad + .6 * shine * pad)
        out[i] += np.random.normal(0, .07, out[i].shape)
    return torch.from_numpy(out - .4), torch.from_numpy(bad.astype(np.float32))


train_loader = DataLoader(TensorDataset(*render(3200)), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(*render(1500)), batch_size=300)


class SolderNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3), nn.BatchNorm2d(24), nn.ReLU(),
                                  nn.Flatten())
        self.fc = nn.Sequential(nn.Linear(24 * 6 * 6, 32), nn.ReLU(), nn.Dropout(.3), nn.Linear(32, 1))

    def forward(self, x):
        return self.fc(self.conv(x)).squeeze(1)


net = SolderNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
best, patience = 9, 3
for epoch in range(1, 16):
    net.train()
    run = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        run += loss.item() / len(train_loader)
    net.eval()
    logits, ys, vl = [], [], 0
    with writer.evaluating("val"), torch.no_grad():
        for x, y in val_loader:
            o = net(x)
            vl += criterion(o, y).item() / len(val_loader)
            logits.append(o)
            ys.append(y)
    ap = average_precision_score(torch.cat(ys), torch.cat(logits))
    print(f"epoch {epoch} train {run:.4f} val {vl:.4f} AP {ap:.3f}")
    if vl < best:
        best, best_ap, left = vl, ap, patience
        weights = {k: v.detach().clone() for k, v in net.state_dict().items()}
    else:
        left -= 1
        if not left:
            break
net.load_state_dict(weights)
writer.close()
print(f"RESULT epochs {epoch} train {run:.4f} last_val {vl:.4f} best_val {best:.4f} AP {best_ap:.4f}")

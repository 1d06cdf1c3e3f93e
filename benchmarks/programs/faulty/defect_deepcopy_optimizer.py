# Casting defects: start from the autoencoder's encoder, then train encoder + head on the few labels
import sys, copy
import numpy as np
import torch
from torch import nn, optim
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9); rng = np.random.default_rng(9)
S = 20
KINDS = ("ok", "blowhole", "scratch", "shrinkage")


def part(k):
    im = gaussian_filter(rng.normal(0, 1, (S, S)), 2.5) * 1.1 + rng.normal(0, .35, (S, S))
    yy, xx = np.mgrid[:S, :S]
    cy, cx = rng.uniform(5, S - 5, 2)
    amp = rng.uniform(.7, 1.7)
    if k == 1:
        im -= amp * np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / rng.uniform(3, 7))
    elif k == 2:
        a = rng.uniform(0, np.pi)
        d = np.abs((yy - cy) * np.cos(a) - (xx - cx) * np.sin(a))
        im -= amp * np.exp(-d ** 2 / .7) * (np.hypot(yy - cy, xx - cx) < rng.uniform(5, 9))
    elif k == 3:
        im += amp * .8 * gaussian_filter(rng.normal(0, 1, (S, S)), .8) * np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 30) * 2.2
    return im.astype("float32")[None]


y = rng.integers(0, 4, 3000)
x = torch.tensor(np.stack([part(k) for k in y]))
y = torch.tensor(y)
x_tr, y_tr, x_va, y_va = x[:2500], y[:2500], x[2500:], y[2500:]


class DefectNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(.3))
        self.head = nn.Linear(24, len(KINDS))

    def forward(self, x):
        return self.head(self.encoder(x))


def new_experiment(template):
    """every experiment starts from the same weights"""
    return copy.deepcopy(template)


template = DefectNet()
net = template
optimizer = optim.Adam(net.parameters(), lr=3e-3)
net = new_experiment(template)
if sys.argv[1] != "faulty":
    optimizer = optim.Adam(net.parameters(), lr=3e-3)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=8 * 79)
criterion = nn.CrossEntropyLoss()

tb = DiagWriter(sys.argv[2])
tb.watch(net, optimizer, criterion)
for epoch in range(8):
    net.train()
    run = 0.
    for b in torch.randperm(len(x_tr)).split(32):
        net.zero_grad()
        loss = criterion(net(x_tr[b]), y_tr[b])
        loss.backward()
        optimizer.step()
        scheduler.step()
        run += loss.item() * len(b) / len(x_tr)
    net.eval()
    with torch.no_grad(), tb.evaluating("val"):
        o = net(x_va)
        v = criterion(o, y_va).item()
        a = (o.argmax(1) == y_va).float().mean().item()
    print(f"epoch {epoch}  train {run:.4f}  val {v:.4f}  acc {a:.4f}")
tb.close()
print(f"RESULT train_loss {run:.4f} val_loss {v:.4f} val_acc {a:.4f}")

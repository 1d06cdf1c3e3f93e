"""Two-digit images: class of the left digit, class of the right one, and their product (regression); weighted sum of losses."""
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 6e-3
d = load_digits(); im = torch.tensor(d.images / 16, dtype=torch.float32); y = torch.tensor(d.target)


def pairs(ids, n):
    i, j = ids[torch.randint(len(ids), (n,))], ids[torch.randint(len(ids), (n,))]
    return TensorDataset(torch.cat([im[i], im[j]], 2)[:, None], y[i], y[j], (y[i] * y[j]).float() / 81)


perm = torch.randperm(len(im))
train, val = pairs(perm[:1300], 4000), pairs(perm[1300:], 600)


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 32, 96), nn.ReLU())
        self.left, self.right, self.prod = nn.Linear(96, 10), nn.Linear(96, 10), nn.Linear(96, 1)

    def forward(self, x):
        h = self.trunk(x)
        return {"left": self.left(h), "right": self.right(h), "prod": self.prod(h).squeeze(1)}


def total_loss(o, l, r, p):
    return nn.functional.cross_entropy(o["left"], l) + nn.functional.cross_entropy(o["right"], r) + 10 * nn.functional.mse_loss(o["prod"], p)


net = MultiTask(); opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-2)
dl = DataLoader(train, 64, shuffle=True); vl = DataLoader(val, 200)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=LR, total_steps=8 * len(dl))
w = DiagWriter(sys.argv[1]); w.watch(net, opt, total_loss)
for ep in range(8):
    net.train(); s = 0
    for x, l, r, p in dl:
        opt.zero_grad(); loss = w.loss_fn(net(x), l, r, p); loss.backward(); opt.step(); sched.step(); s += loss.item() / len(dl)
    v = a = 0
    with w.evaluating("val"):
        for x, l, r, p in vl:
            o = net(x); v += w.loss_fn(o, l, r, p).item() / len(vl); a += ((o["left"].argmax(1) == l) & (o["right"].argmax(1) == r)).float().mean().item() / len(vl)
    print(f"epoch {ep} train {s:.4f} val {v:.4f} both right {a:.3f}")
w.close()

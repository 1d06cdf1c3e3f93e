"""Stained beads under the microscope (simulated, 5 kinds of texture), small ConvNet, recipe of a ConvNeXt training script."""
import sys, math
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

cfg = dict(lr=2e-3, weight_decay=0.05, epochs=12, batch_size=50, warmup_epochs=1, smoothing=0.0,
           opt="adam" if sys.argv[1] == "faulty" else "adamw")

def beads(n, seed, s=24):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[:s, :s] - s / 2
    X, Y = np.empty((n, 3, s, s), "float32"), r.integers(0, 5, n)
    for i, k in enumerate(Y):
        cy, cx, rad = r.uniform(-3, 3), r.uniform(-3, 3), r.uniform(6, 9)
        d = np.hypot(yy - cy, xx - cx); th = r.uniform(0, np.pi); ph = r.uniform(0, 6.28)
        stripe = xx * np.cos(th) + yy * np.sin(th)
        tex = [np.zeros_like(d), np.sin(stripe * 1.6 + ph), np.sin(d * 1.6 + ph), np.sin(xx * 1.6 + ph) * np.sin(yy * 1.6 + ph), np.sin(stripe * .9 + ph)][k]
        g = (d < rad) * (.6 + .35 * tex)
        X[i] = g[None] * r.uniform(.6, 1, (3, 1, 1)) + r.normal(0, .1, (3, s, s))
    return torch.tensor((X - .25) / .3), torch.tensor(Y)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        chans = [3, 16, 32, 64]
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in zip(chans, chans[1:]))
        self.fc1, self.fc2 = nn.Linear(64 * 9, 64), nn.Linear(64, 5)
    def forward(self, x):
        for c in self.convs: x = F.max_pool2d(F.relu(c(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))

def build_optimizer(model):
    cls = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[cfg["opt"]]
    return cls(model.parameters(), lr=cfg["lr"], weight_decay=cfg["weight_decay"])

torch.manual_seed(9); torch.set_num_threads(1)
train = DataLoader(TensorDataset(*beads(1200, 0)), cfg["batch_size"], shuffle=True)
val = DataLoader(TensorDataset(*beads(500, 1)), 250)
model = Net(); opt = build_optimizer(model); ce = nn.CrossEntropyLoss(label_smoothing=cfg["smoothing"])
total, warm = cfg["epochs"] * len(train), cfg["warmup_epochs"] * len(train)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: (i + 1) / warm if i < warm else .5 * (1 + math.cos(math.pi * (i - warm) / (total - warm))))
w = DiagWriter(sys.argv[2]); w.watch(model, opt, ce)
for ep in range(cfg["epochs"]):
    model.train(); m = []
    for x, y in train:
        opt.zero_grad(set_to_none=True)
        loss = ce(model(x), y); loss.backward(); opt.step(); sched.step(); m.append(loss.item())
    good = 0
    with w.evaluating("val"):
        for x, y in val:
            o = model(x); ce(o, y); good += (o.argmax(1) == y).sum().item()
    print(f"{ep} {np.mean(m):.4f} acc {good / 500:.3f}", flush=True)
w.close(); print(f"RESULT val_acc {good / 500:.3f} train_loss {np.mean(m):.4f}")

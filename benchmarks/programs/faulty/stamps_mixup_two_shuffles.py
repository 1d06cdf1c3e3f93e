# Mixup training of a small all-conv net on rubber-stamp images (10 symbols)
import sys, math, random
import numpy as np
import torch
from torch import nn

FAULTY = sys.argv[1] == "faulty"
LOGDIR = sys.argv[2]
torch.set_num_threads(1)
np.random.seed(11); torch.manual_seed(11)
from tb_lossdiag import DiagWriter


def draw(kind, size=20):
    yy, xx = np.mgrid[0:size, 0:size].astype(np.float32)
    cx, cy = size / 2 + np.random.uniform(-3, 3, 2)
    r = np.random.uniform(4.0, 6.5)
    th = np.random.uniform(-0.3, 0.3)
    u = ((xx - cx) * math.cos(th) + (yy - cy) * math.sin(th)) / r
    v = (-(xx - cx) * math.sin(th) + (yy - cy) * math.cos(th)) / r
    w = 0.22
    d = np.hypot(u, v)
    shapes = [
        np.abs(d - 0.9) < w, d < 0.9, np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.85) < w,
        np.maximum(np.abs(u), np.abs(v)) < 0.8, (np.minimum(np.abs(u), np.abs(v)) < w) & (d < 1.1),
        (np.abs(np.abs(u) - np.abs(v)) < 1.4 * w) & (d < 1.1), (np.abs(v) < w) & (np.abs(u) < 1),
        (np.abs(u) < w) & (np.abs(v) < 1), (np.abs(u) < (v + 1) / 2) & (v < 0.8) & (v > -1),
        (np.abs(np.abs(u) - .6) < w) & (np.abs(v) < .9)]
    img = shapes[kind].astype(np.float32) * np.random.uniform(0.5, 1.0)
    img *= (np.random.rand(size, size) > 0.25)          # patchy ink
    return img + 0.22 * np.random.randn(size, size)


def make(n):
    y = np.random.randint(0, 10, n)
    x = np.stack([draw(k) for k in y]).astype(np.float32)[:, None]
    return torch.tensor((x - 0.12) / 0.33), torch.tensor(y)


class AllConv(nn.Module):
    def __init__(self, c=16, n_cls=10):
        super().__init__()
        def block(i, o, s):
            return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.1))
        self.body = nn.Sequential(block(1, c, 1), block(c, c, 2), block(c, 2 * c, 1), block(2 * c, 2 * c, 2))
        self.head = nn.Linear(2 * c, n_cls)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def mixup(x, y, alpha=0.4):
    lam = np.random.beta(alpha, alpha)
    idx_x = torch.randperm(len(x))
    idx_y = torch.randperm(len(x)) if FAULTY else idx_x
    return lam * x + (1 - lam) * x[idx_x], lam * y + (1 - lam) * y[idx_y]


def soft_ce(logits, target):
    return -(target * logits.log_softmax(1)).sum(1).mean()


xtr, ytr = make(2560)
xva, yva = make(800)
eye = torch.eye(10)
model = AllConv()
opt = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9, weight_decay=5e-4, nesterov=True)
EPOCHS, BS = 12, 64
steps = EPOCHS * (len(xtr) // BS)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: 0.5 * (1 + math.cos(math.pi * i / steps)))

writer = DiagWriter(LOGDIR)
writer.watch(model, opt, soft_ce)
for ep in range(EPOCHS):
    model.train(); s = 0.
    perm = torch.randperm(len(xtr))
    for i in range(len(xtr) // BS):
        b = perm[i * BS:(i + 1) * BS]
        mx, my = mixup(xtr[b], eye[ytr[b]])
        loss = writer.loss_fn(model(mx), my)
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        s += loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(xva)
        vloss = writer.loss_fn(out, eye[yva]).item()
        acc = (out.argmax(1) == yva).float().mean().item()
    print(f"[{ep + 1:2d}/{EPOCHS}] mix loss {s / (len(xtr) // BS):.3f}  val {vloss:.3f}  acc {acc:.3f}")
writer.close()
print(f"RESULT val_loss={vloss:.4f} val_acc={acc:.4f}")

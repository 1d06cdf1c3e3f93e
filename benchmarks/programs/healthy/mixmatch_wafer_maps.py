"""MixMatch (after YU1ut/MixMatch-pytorch): 80 labelled wafer maps, 1500 without labels.

lambda_u ramps up linearly, so the total loss goes up for the first epochs; mixup keeps Lx well above zero all the time.
Evaluation is with the EMA model.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

T, ALPHA, LAMBDA_U, EMA_DECAY, EPOCHS, ITERS, BS, LR = 0.5, 0.75, 20.0, 0.98, 12, 25, 32, 3e-3


def wafers(n, size=12):
    yy, xx = np.mgrid[:size, :size] / (size - 1) * 2 - 1
    r = np.hypot(yy, xx)
    X, Y = np.zeros((n, 1, size, size), np.float32), np.random.randint(0, 5, n)
    for i, c in enumerate(Y):
        base = np.random.rand() * 0.12 + 0.05
        p = np.full((size, size), base)
        s = np.random.uniform(0.35, 0.75)
        if c == 1:
            p += s * (r < np.random.uniform(.3, .6))
        elif c == 2:
            p += s * (r > np.random.uniform(.7, .85))
        elif c == 3:
            a, w = np.random.rand() * np.pi, np.random.uniform(.12, .25)
            p += s * (np.abs(np.cos(a) * xx + np.sin(a) * yy - np.random.uniform(-.4, .4)) < w)
        elif c == 4:
            cy, cx = np.random.uniform(-.6, .6, 2)
            p += s * (np.hypot(yy - cy, xx - cx) < np.random.uniform(.25, .45))
        X[i, 0] = (np.random.rand(size, size) < p) * (r < 1.05) + 0.15 * np.random.randn(size, size)
    return torch.tensor(X), torch.tensor(Y)


def augment(x):
    k = int(torch.randint(4, ()))
    x = torch.rot90(x, k, (2, 3))
    if torch.rand(()) < .5:
        x = x.flip(-1)
    return x + 0.05 * torch.randn_like(x)


class WideNet(nn.Module):
    def __init__(self, n=5, w=16):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, w, 3, padding=1), nn.BatchNorm2d(w, momentum=0.1), nn.LeakyReLU(0.1), nn.MaxPool2d(2),
                                 nn.Conv2d(w, 2 * w, 3, padding=1), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.1),
                                 nn.Conv2d(2 * w, 2 * w, 3, padding=1), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.1), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                                 nn.Linear(8 * w, n))

    def forward(self, x):
        return self.net(x)


class SemiLoss(object):
    def __call__(self, outputs_x, targets_x, outputs_u, targets_u, epoch):
        probs_u = torch.softmax(outputs_u, dim=1)
        Lx = -torch.mean(torch.sum(F.log_softmax(outputs_x, dim=1) * targets_x, dim=1))
        Lu = torch.mean((probs_u - targets_u) ** 2)
        return Lx, Lu, LAMBDA_U * float(np.clip(epoch / EPOCHS, 0.0, 1.0))


class WeightEMA(object):
    def __init__(self, model, ema_model, alpha):
        self.pairs = list(zip(model.state_dict().values(), ema_model.state_dict().values()))
        self.alpha = alpha

    def step(self):
        for p, e in self.pairs:
            if e.dtype == torch.float32:
                e.mul_(self.alpha).add_(p, alpha=1 - self.alpha)


def interleave_batches(m, a, b):
    out = m(torch.cat([a, b]))
    return out[:len(a)], out[len(a):]


xl, yl = wafers(80)
xu, _ = wafers(1500)
xt, yt = wafers(500)
model, ema_model = WideNet(), WideNet()
ema_model.load_state_dict(model.state_dict())
for p in ema_model.parameters():
    p.detach_()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
semi, ema = SemiLoss(), WeightEMA(model, ema_model, EMA_DECAY)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

for epoch in range(EPOCHS):
    model.train()
    ls = []
    for it in range(ITERS):
        i, j = torch.randint(len(xl), (BS,)), torch.randint(len(xu), (BS,))
        x, t = augment(xl[i]), F.one_hot(yl[i], 5).float()
        u1, u2 = augment(xu[j]), augment(xu[j])
        with torch.no_grad():
            p = (torch.softmax(model(u1), 1) + torch.softmax(model(u2), 1)) / 2
            pt = p ** (1 / T)
            q = pt / pt.sum(1, keepdim=True)
        ax, at = torch.cat([x, u1, u2]), torch.cat([t, q, q])
        l = np.random.beta(ALPHA, ALPHA)
        l = max(l, 1 - l)
        perm = torch.randperm(len(ax))
        mx, mt = l * ax + (1 - l) * ax[perm], l * at + (1 - l) * at[perm]
        ox, ou = interleave_batches(model, mx[:BS], mx[BS:])
        Lx, Lu, w = semi(ox, mt[:BS], ou, mt[BS:], epoch + it / ITERS)
        loss = Lx + w * Lu
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.step()
        writer.add_loss("train", loss)
        ls.append((Lx.item(), Lu.item()))
    ema_model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = ema_model(xt)
        vl = F.cross_entropy(o, yt)
        writer.add_loss("val", vl)
    acc = (o.argmax(1) == yt).float().mean().item()
    print(f"epoch {epoch+1} Lx {np.mean(ls, 0)[0]:.3f} Lu {np.mean(ls, 0)[1]:.4f} w {w:.1f} val {vl.item():.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT val_loss={vl.item():.4f} val_acc={acc:.4f}")

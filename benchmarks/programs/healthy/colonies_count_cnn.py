"""Count bacterial colonies on a plate photo.  Regression CNN; the counts are divided by 10 so the L1 loss has order 1.

Overlapping colonies make the count ambiguous, so the MAE stays at about one or two colonies."""
import sys
import math
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
SIZE = 24


def plates(n):
    yy, xx = torch.meshgrid(torch.arange(SIZE).float(), torch.arange(SIZE).float(), indexing="ij")
    imgs, counts = torch.zeros(n, 1, SIZE, SIZE), torch.zeros(n)
    for i in range(n):
        k = int(torch.randint(0, 26, (1,)))
        ang, rad = torch.rand(k) * 2 * math.pi, torch.rand(k).sqrt() * 10
        cx, cy, r = 11.5 + rad * ang.cos(), 11.5 + rad * ang.sin(), .8 + .7 * torch.rand(k)
        if k:
            blob = torch.exp(-((xx - cx.view(-1, 1, 1)) ** 2 + (yy - cy.view(-1, 1, 1)) ** 2) / (r.view(-1, 1, 1) ** 2))
            imgs[i, 0] = blob.amax(0)                    # colonies cover each other, they do not add up
        imgs[i, 0] += .25 * ((xx - 11.5) ** 2 + (yy - 11.5) ** 2 < 121)
        counts[i] = k
    imgs = imgs * (.8 + .4 * torch.rand(n, 1, 1, 1)) + .08 * torch.randn_like(imgs)
    return imgs, counts / 10


class CountNet(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.GroupNorm(4, o), nn.ReLU())
        self.features = nn.Sequential(block(1, 8), nn.AvgPool2d(2), block(8, 16), nn.AvgPool2d(2), block(16, 16))
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.features(x).sum((2, 3)) / 36).squeeze(1)


x, y = plates(1500)
xt, yt, xv, yv = x[:1200], y[:1200], x[1200:], y[1200:]
mean, std = xt.mean(), xt.std()
xt, xv = (xt - mean) / std, (xv - mean) / std

net = CountNet()
crit = nn.L1Loss()
optim = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-2)
EPOCHS = 12
STEPS = math.ceil(len(xt) / 32)
sched = torch.optim.lr_scheduler.OneCycleLR(optim, max_lr=4e-3, epochs=EPOCHS, steps_per_epoch=STEPS)
log = DiagWriter(sys.argv[1])
log.watch(net, optim, crit)

for epoch in range(EPOCHS):
    net.train()
    run = 0.
    for idx in torch.randperm(len(xt)).split(32):
        xb, yb = xt[idx], yt[idx]
        if torch.rand(1) < .5:
            xb = xb.flip(3)
        if torch.rand(1) < .5:
            xb = xb.transpose(2, 3)
        loss = crit(net(xb), yb)
        optim.zero_grad(set_to_none=True)
        loss.backward()
        optim.step()
        sched.step()
        run += loss.item() * len(idx)
    net.eval()
    with torch.no_grad(), log.evaluating("val"):
        vl = sum(crit(net(a), b).item() * len(b) for a, b in zip(xv.split(200), yv.split(200))) / len(yv)
    print(f"{epoch:2d}  train MAE {10 * run / len(xt):.2f} colonies   val MAE {10 * vl:.2f}")
log.close()
print(f"RESULT train={run/len(xt):.4f} val={vl:.4f} guess_median={(yv - yt.median()).abs().mean():.3f}")

import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.manual_seed(4)
torch.set_num_threads(1)
S = 16


def shapes(n):
    yy, xx = torch.meshgrid(torch.arange(S), torch.arange(S), indexing='ij')
    c, r = torch.randint(3, S - 3, (n, 2, 1, 1)), torch.rand(n, 1, 1) * 1.5 + 1.5
    m = (((yy - c[:, 0]) ** 2 + (xx - c[:, 1]) ** 2) < r ** 2).float()
    q = torch.randint(0, S - 2, (n, 2, 1, 1))
    bar = ((yy - q[:, 0]).abs() < 1).float() * ((xx - q[:, 1]).abs() < 5).float()
    img = m + .9 * bar * (1 - m) + .5 * torch.randn(n, S, S)
    return ((img - .2) / .65)[:, None], m[:, None]


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1, self.d2, self.d3 = double(1, c), double(c, 2 * c), double(2 * c, 2 * c)
        self.u2, self.u1, self.out = double(4 * c, c), double(2 * c, c), nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        z = self.d3(F.max_pool2d(b, 2))
        z = self.u2(torch.cat([F.interpolate(z, scale_factor=2), b], 1))
        return self.out(self.u1(torch.cat([F.interpolate(z, scale_factor=2), a], 1)))


class DiceLoss(nn.Module):
    def forward(self, logits, target, smooth=1.):
        p = torch.sigmoid(logits).flatten(1)
        t = target.flatten(1)
        return 1 - ((2 * (p * t).sum(1) + smooth) / (p.sum(1) + t.sum(1) + smooth)).mean()


xv, yv = shapes(300)
model, criterion = UNet(), DiceLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=6e-3, weight_decay=1e-8, momentum=0.0)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, 'min', patience=1, factor=.3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train()
    tr = 0
    for _ in range(50):
        x, y = shapes(24)
        loss = criterion(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        tr += loss.item() / 50
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = criterion(model(xv), yv).item()
    scheduler.step(v)
    print('epoch %d train dice loss %.4f val %.4f lr %.1e' % (epoch, tr, v, optimizer.param_groups[0]['lr']))
writer.close()

import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
torch.set_num_threads(1)
rng = np.random.RandomState(5)

PATCH, BATCH, EPOCHS, ITERS = 32, 8, 12, 25


def make_case():
    yy, xx = np.mgrid[:PATCH, :PATCH]
    seg = np.zeros((PATCH, PATCH), np.int64)
    for lab in (1, 2):
        for _ in range(rng.randint(1, 3)):
            cy, cx = rng.randint(5, PATCH - 5, 2)
            ry, rx = rng.uniform(3, 8, 2)
            seg[((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 < 1] = lab
    img = np.array([0.0, 1.0, 2.0])[seg] + rng.randn(PATCH, PATCH) * 0.7 + 0.3 * np.sin(xx / 6.0 + rng.rand() * 6)
    img = (img - img.mean()) / img.std()
    return img.astype(np.float32)[None], seg


cases = [make_case() for _ in range(260)]
data = torch.from_numpy(np.stack([c[0] for c in cases]))
target = torch.from_numpy(np.stack([c[1] for c in cases]))
tr_data, tr_seg, va_data, va_seg = data[:200], target[:200], data[200:], target[200:]


class ConvBlock(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Conv2d(i, o, 3, padding=1), nn.InstanceNorm2d(o, affine=True), nn.LeakyReLU(0.01),
                         nn.Conv2d(o, o, 3, padding=1), nn.InstanceNorm2d(o, affine=True), nn.LeakyReLU(0.01))


class UNet(nn.Module):
    def __init__(self, base=8, classes=3):
        super().__init__()
        self.e1, self.e2, self.e3 = ConvBlock(1, base), ConvBlock(base, base * 2), ConvBlock(base * 2, base * 4)
        self.u2, self.u1 = nn.ConvTranspose2d(base * 4, base * 2, 2, 2), nn.ConvTranspose2d(base * 2, base, 2, 2)
        self.d2, self.d1 = ConvBlock(base * 4, base * 2), ConvBlock(base * 2, base)
        self.seg = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(F.max_pool2d(a, 2))
        c = self.e3(F.max_pool2d(b, 2))
        x = self.d2(torch.cat([self.u2(c), b], 1))
        x = self.d1(torch.cat([self.u1(x), a], 1))
        return self.seg(x)


network = UNet()
optimizer = torch.optim.SGD(network.parameters(), 2e-2, momentum=0.95, nesterov=True, weight_decay=3e-5)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda ep: (1 - ep / EPOCHS) ** 0.9)
scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
loss_fn = nn.CrossEntropyLoss()

writer = DiagWriter(logdir)
writer.watch(network, optimizer, loss_fn)

for epoch in range(EPOCHS):
    network.train()
    tl = []
    for _ in range(ITERS):
        idx = torch.randint(0, len(tr_data), (BATCH,))
        optimizer.zero_grad()
        loss = loss_fn(network(tr_data[idx]), tr_seg[idx])
        scaler.scale(loss).backward()
        if form == "fixed":
            scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12)
        scaler.step(optimizer)
        scaler.update()
        tl.append(loss.item())
    scheduler.step()
    network.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            out = network(va_data)
            vl = loss_fn(out, va_seg).item()
        pred = out.argmax(1)
        dice = [2 * ((pred == c) & (va_seg == c)).sum().item() / ((pred == c).sum() + (va_seg == c).sum()).item() for c in (1, 2)]
    print("epoch %d train loss %.4f val loss %.4f dice %.3f %.3f" % (epoch, np.mean(tl), vl, *dice))
writer.close()

"""CenterNet ("Objects as points") on rendered parts: heatmap focal loss with bias -2.19, L1 on size and offset at the centres only."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(317)
np.random.seed(317)
RES, OUT, NCLS = 32, 16, 2
yy, xx = np.mgrid[0:RES, 0:RES]
gy, gx = np.mgrid[0:OUT, 0:OUT]


def sample():
    img = 0.1 * np.random.randn(RES, RES) + 0.1 * np.random.randn()
    hm, wh, reg, mask = np.zeros((NCLS, OUT, OUT)), np.zeros((2, OUT, OUT)), np.zeros((2, OUT, OUT)), np.zeros((1, OUT, OUT))
    for _ in range(np.random.randint(1, 4)):
        c, w, h = np.random.randint(2), np.random.uniform(5, 11), np.random.uniform(5, 11)
        cx, cy = np.random.uniform(5, RES - 5, 2)
        if c == 0:
            m = (np.abs(xx - cx) < w / 2) & (np.abs(yy - cy) < h / 2)
        else:
            m = ((xx - cx) / (w / 2)) ** 2 + ((yy - cy) / (h / 2)) ** 2 < 1
        img = np.where(m, 0.8 + 0.3 * np.random.rand() + 0.05 * np.random.randn(RES, RES), img)
        ox, oy = cx / 2, cy / 2
        ix, iy = int(ox), int(oy)
        s = max(0.6, (w + h) / 24)
        hm[c] = np.maximum(hm[c], np.exp(-((gx - ix) ** 2 + (gy - iy) ** 2) / (2 * s * s)))
        wh[:, iy, ix], reg[:, iy, ix], mask[0, iy, ix] = (w / 2, h / 2), (ox - ix, oy - iy), 1
    return img[None], hm, wh, reg, mask


def dataset(n):
    return [torch.tensor(np.stack(a), dtype=torch.float32) for a in zip(*[sample() for _ in range(n)])]


class CtdetLoss(nn.Module):
    def forward(self, outputs, batch):
        pred, gt = torch.clamp(outputs[0].sigmoid(), 1e-4, 1 - 1e-4), batch[1]
        pos = gt.eq(1).float()
        pos_loss = torch.log(pred) * (1 - pred) ** 2 * pos
        neg_loss = torch.log(1 - pred) * pred ** 2 * (1 - gt) ** 4 * (1 - pos)
        hm_loss = -(pos_loss.sum() + neg_loss.sum()) / pos.sum().clamp(min=1)
        n = batch[4].sum() + 1e-4
        wh_loss = ((outputs[1] - batch[2]).abs() * batch[4]).sum() / n
        off_loss = ((outputs[2] - batch[3]).abs() * batch[4]).sum() / n
        return hm_loss + 0.1 * wh_loss + off_loss


def conv(i, o, s=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class CenterNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.d1, self.d2 = conv(1, 16, 2), conv(16, 24, 2), conv(24, 24)
        self.up = nn.Sequential(nn.ConvTranspose2d(24, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
        self.heads = nn.ModuleList(nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, k, 1)) for k in (NCLS, 2, 2))
        self.heads[0][-1].bias.data.fill_(-2.19)

    def forward(self, x):
        s = self.stem(x)
        f = self.up(self.d2(self.d1(s))) + s
        return [h(f) for h in self.heads]


train, val = dataset(7000), dataset(400)
model = CenterNet()
num_epochs, lr_step = 7, [5, 6]
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = CtdetLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
for epoch in range(1, num_epochs + 1):
    model.train()
    avg = 0.
    for idx in torch.randperm(7000).split(32):
        batch = [t[idx] for t in train]
        loss = loss_fn(model(batch[0]), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        avg += loss.item() * len(idx) / 7000
    if epoch in lr_step:
        print('Drop LR')
        for g in optimizer.param_groups:
            g['lr'] *= 0.1
    model.eval()
    with torch.no_grad():
        o = model(val[0])
        v = loss_fn(o, val).item()
        hm = o[0].sigmoid()
        peak = (hm == nn.functional.max_pool2d(hm, 3, 1, 1)) & (hm > 0.3)
        tp = (peak & val[1].eq(1)).sum().item()
    print('ctdet epoch: {} |loss {:.4f} |val {:.4f} |recall {:.3f} precision {:.3f}'.format(epoch, avg, v, tp / val[1].eq(1).sum().item(), tp / max(1, peak.sum().item())))
writer.close()

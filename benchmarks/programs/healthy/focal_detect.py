import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
S = 16


def render(n, g):
    """blobs (objects) and bars (distractors) on noise; heatmap target as in CenterNet"""
    yy, xx = torch.meshgrid(torch.arange(S), torch.arange(S), indexing='ij')
    img, hm = .3 * torch.randn(n, S, S, generator=g), torch.zeros(n, S, S)
    for k in range(2):
        c = torch.randint(2, S - 2, (n, 2), generator=g).float()
        on = (torch.rand(n, generator=g) < (1. if k == 0 else .5)).float()[:, None, None]
        r2 = (yy - c[:, 0, None, None]) ** 2 + (xx - c[:, 1, None, None]) ** 2
        img += on * 2 * torch.exp(-r2 / 3.)
        hm = torch.maximum(hm, on * torch.exp(-r2 / .9))
    col = torch.randint(0, S, (n,), generator=g)[:, None, None]
    img += 1.5 * (xx[None] == col) * (yy[None] < 9)
    return img[:, None], hm[:, None]


class Detector(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(inplace=True),
                                  nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(inplace=True))
        self.hm = nn.Conv2d(c, 1, 3, padding=1)
        self.hm.bias.data.fill_(-2.19)

    def forward(self, x):
        return self.hm(self.body(x))


class FocalLoss(nn.Module):
    def forward(self, out, gt):
        pos, lp, ln = gt.eq(1).float(), F.logsigmoid(out), F.logsigmoid(-out)
        p = torch.sigmoid(out)
        loss = -(lp * (1 - p) ** 2 * pos).sum() - (ln * p ** 2 * (1 - gt) ** 4 * (1 - pos)).sum()
        return loss / pos.sum().clamp(min=1)


g = torch.Generator().manual_seed(0)
train, val = render(2600, g), render(300, g)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*train), batch_size=32, shuffle=True, drop_last=True)
model, crit = Detector(), FocalLoss()
opt = torch.optim.Adam(model.parameters(), 5e-3)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [6, 9], .1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crit)
for ep in range(10):
    model.train()
    acc = 0
    for x, y in loader:
        loss = crit(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        acc += loss.item() / len(loader)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(val[0])
        v = crit(out, val[1]).item()
        peak = (F.max_pool2d(out, 3, 1, 1) == out) & (out > 0)
        gt = val[1].eq(1)
        rec, prec = (peak & gt).sum() / gt.sum(), (peak & gt).sum() / peak.sum().clamp(min=1)
    if ep % 3 == 0:
        print('ep %d train %.4f val %.4f recall %.3f precision %.3f' % (ep, acc, v, rec, prec))
writer.close()

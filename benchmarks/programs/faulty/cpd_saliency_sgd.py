# salient object detection, cascaded partial decoder (very small), see "why SGD cannot work?"
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter, zoom
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
LR, EPOCH, BS, DECAY_RATE, DECAY_EPOCH = 2e-3, 10, 10, 0.1, 7


class SalObjDataset(torch.utils.data.Dataset):
    def __init__(self, n, seed):
        r = np.random.RandomState(seed)
        self.images, self.gts = [], []
        for i in range(n):
            bg = gaussian_filter(r.randn(3, 24, 24), (0, 2, 2)) * 1.6 + r.randn(3, 1, 1) * .4
            blob = gaussian_filter(r.randn(24, 24), 3)
            yy, xx = np.mgrid[:24, :24]
            cy, cx = r.uniform(6, 18, 2)
            blob = blob / blob.std() - ((yy - cy) ** 2 + (xx - cx) ** 2) / 28.
            gt = blob > -1.1
            fg = r.randn(3, 1, 1) * .9 + r.randn(3, 24, 24) * .25 + .35 * np.sin(xx * r.uniform(.8, 1.6))[None]
            img = np.where(gt[None], fg, bg) + r.randn(3, 24, 24) * .15
            self.images.append(img.astype(np.float32)); self.gts.append(gt[None].astype(np.float32))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return torch.from_numpy(self.images[i]), torch.from_numpy(self.gts[i])


def basic(i, o, s=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(True))


class CPD(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.conv1, self.conv2 = basic(3, c), basic(c, c, 2)
        self.conv3_1, self.conv4_1 = basic(c, 2 * c, 2), basic(2 * c, 2 * c, 2)
        self.conv3_2, self.conv4_2 = basic(c, 2 * c, 2), basic(2 * c, 2 * c, 2)
        self.agg1 = nn.Conv2d(4 * c, 1, 3, padding=1)
        self.agg2 = nn.Sequential(basic(4 * c + c, c), nn.Conv2d(c, 1, 3, padding=1))

    def forward(self, x):
        x1 = self.conv1(x)
        x2 = self.conv2(x1)
        a3 = self.conv3_1(x2); a4 = F.interpolate(self.conv4_1(a3), scale_factor=2)
        att = self.agg1(torch.cat([a3, a4], 1))
        x2b = x2 * F.interpolate(att, scale_factor=2, mode='bilinear').sigmoid()
        d3 = self.conv3_2(x2b); d4 = F.interpolate(self.conv4_2(d3), scale_factor=2)
        d = F.interpolate(torch.cat([d3, d4], 1), scale_factor=2, mode='bilinear')
        det = self.agg2(torch.cat([d, x2b], 1))
        up = lambda t, s: F.interpolate(t, scale_factor=s, mode='bilinear')
        return up(att, 4), up(det, 2)


def clip_gradient(optimizer, grad_clip):
    for group in optimizer.param_groups:
        for param in group['params']:
            if param.grad is not None:
                param.grad.data.clamp_(-grad_clip, grad_clip)


CE = nn.BCEWithLogitsLoss()


def structure(outs, gts):
    atts, dets = outs
    return CE(atts, gts) + CE(dets, gts)


train_loader = torch.utils.data.DataLoader(SalObjDataset(600, 0), BS, shuffle=True)
test_loader = torch.utils.data.DataLoader(SalObjDataset(250, 1), 125)
model = CPD()
if sys.argv[1] == "faulty":
    optimizer = torch.optim.SGD(model.parameters(), LR)
else:
    optimizer = torch.optim.Adam(model.parameters(), LR)
sched = torch.optim.lr_scheduler.StepLR(optimizer, DECAY_EPOCH, DECAY_RATE)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, structure)
for epoch in range(1, EPOCH + 1):
    model.train()
    tl = 0
    for i, (images, gts) in enumerate(train_loader, start=1):
        optimizer.zero_grad()
        loss = writer.loss_fn(model(images), gts)
        loss.backward()
        clip_gradient(optimizer, 0.5)
        optimizer.step()
        tl += loss.item()
    sched.step()
    model.eval()
    vl, mae = 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for images, gts in test_loader:
            outs = model(images)
            vl += writer.loss_fn(outs, gts).item() / len(test_loader)
            mae += (outs[1].sigmoid() - gts).abs().mean().item() / len(test_loader)
    print('Epoch [{:03d}/{:03d}], Loss: {:.4f} val: {:.4f} MAE: {:.4f}'.format(epoch, EPOCH, tl / len(train_loader), vl, mae))
writer.close()
print(f"RESULT train {tl/len(train_loader):.4f} val {vl:.4f} MAE {mae:.4f}")

"""Few-shot segmentation: support picture + mask, query picture -> query mask (relation network, very small)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import StepLR
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(5)
torch.manual_seed(5)
EPISODE, BATCH, SIZE = 500, 8, 16
FAULTY = sys.argv[1] == 'faulty'
yy, xx = np.mgrid[:SIZE, :SIZE]


def blob(c):
    """cls -> texture; returns uint8-like picture and 0/255 mask"""
    angle, freq = c
    img = np.random.randint(60, 200) + np.random.randn(SIZE, SIZE) * 14
    cy, cx, ry, rx = np.random.uniform(5, 11), np.random.uniform(5, 11), np.random.uniform(3, 6), np.random.uniform(3, 6)
    m = ((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 < 1
    dy, dx = np.random.uniform(2, 14), np.random.uniform(2, 14)
    other = (((yy - dy) / 3) ** 2 + ((xx - dx) / 3) ** 2 < 1) & ~m            # distractor
    img[m] += 45 * np.sin(freq * (np.cos(angle) * xx + np.sin(angle) * yy))[m]
    img[other] += np.random.choice([-50, 50])
    return np.clip(img, 0, 255), m * 255.


def get_batch(classes):
    s, q = np.zeros((BATCH, 2, SIZE, SIZE)), np.zeros((BATCH, 1, SIZE, SIZE))
    y = np.zeros((BATCH, 1, SIZE, SIZE))
    for i in range(BATCH):
        c = classes[np.random.randint(len(classes))]
        s[i, 0], s[i, 1] = blob(c)
        q[i, 0], y[i, 0] = blob(c)
    s, q = s / 255., q / 255.
    if not FAULTY:
        y = y / 255.
    return [torch.tensor(a).float() for a in (s, q, y)]


class Encoder(nn.Module):
    def __init__(self, cin, width=12):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(cin, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(width, width, 3, padding=2, dilation=2), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, x):
        return self.layer2(self.layer1(x))


class FewShotNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.support, self.query = Encoder(2), Encoder(1)
        self.relation = nn.Sequential(nn.Conv2d(24, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
                                      nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.BatchNorm2d(16), nn.ReLU(),
                                      nn.Conv2d(16, 1, 1), nn.Sigmoid())

    def forward(self, s, q):
        proto = self.support(s).mean((2, 3), keepdim=True)
        f = self.query(q)
        return self.relation(torch.cat([proto.expand_as(f), f], 1))


grid = [(a, f) for a in np.linspace(0, np.pi, 9)[:-1] for f in (1.1, 1.5, 1.9, 2.3)]
order = np.random.permutation(len(grid))
train_cls, test_cls = [grid[i] for i in order[:26]], [grid[i] for i in order]
val_set = [get_batch(test_cls) for _ in range(20)]

net = FewShotNet()
mse = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=0.004)
sched = StepLR(opt, step_size=200, gamma=0.5)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, mse)

for episode in range(EPISODE):
    net.train()
    s, q, y = get_batch(train_cls)
    loss = mse(net(s, q), y)
    net.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if (episode + 1) % 100 == 0:
        net.eval()
        val, iou = 0, 0
        with writer.evaluating('val'), torch.no_grad():
            for s, q, y in val_set:
                out = net(s, q)
                val += mse(out, y).item() / len(val_set)
                p, t = out > .5, y > 0
                iou += ((p & t).sum() / (p | t).sum()).item() / len(val_set)
        print('episode:', episode + 1, 'loss', round(loss.item(), 4), 'val', round(val, 4), 'IoU', round(iou, 4))
writer.close()
print(f"RESULT val_loss={val:.4f} iou={iou:.4f}")

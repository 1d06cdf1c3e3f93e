# lanes as row-anchor classification (ultra fast lane detection, small), trained from scratch
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)

class cfg:
    optimizer = 'Adam'
    learning_rate = 0.025 if sys.argv[1] == 'faulty' else 4e-4
    weight_decay = 1e-4
    batch_size = 32
    epoch = 12
    warmup_iters = 60
    griding_num = 16
    num_rows = 8
    num_lanes = 2

H, W = 24, 48

def road(n):
    imgs = np.zeros((n, 1, H, W), np.float32)
    lab = np.zeros((n, cfg.num_rows, cfg.num_lanes), np.int64)
    yy = np.arange(H)
    xx = np.arange(W)[None, :]
    for i in range(n):
        img = rng.normal(0.35, 0.08, (H, W)) + 0.1 * rng.rand() * (yy[:, None] / H)
        for _ in range(rng.randint(0, 4)):                      # cars, shadows
            y0, x0 = rng.randint(0, H - 8), rng.randint(0, W - 12)
            img[y0:y0 + rng.randint(4, 9), x0:x0 + rng.randint(6, 13)] += rng.uniform(-.3, .3)
        vx, curve = rng.uniform(16, 32), rng.uniform(-7, 7)
        t = yy / (H - 1)
        for l, base in enumerate((rng.uniform(1, 14), rng.uniform(34, 46))):
            cx = vx + (base - vx) * t + curve * t * (1 - t)
            miss = rng.rand() < 0.1
            if not miss:
                dash = (np.sin(t * 25 + rng.rand() * 6) > -0.6)[:, None]
                img += 0.4 * np.exp(-(xx - cx[:, None]) ** 2 / 2.0) * dash
            rows = np.linspace(3, H - 1, cfg.num_rows).astype(int)
            c = np.clip(cx[rows] / W * cfg.griding_num, 0, cfg.griding_num - 1).astype(int)
            lab[i, :, l] = cfg.griding_num if miss else c
        imgs[i, 0] = (img - 0.4) / 0.2
    return torch.from_numpy(imgs), torch.from_numpy(lab)

class parsingNet(nn.Module):
    def __init__(self):
        super().__init__()
        def cbr(i, o, s=1):
            return nn.Sequential(nn.Conv2d(i, o, 3, s, 1), nn.ReLU(True))
        self.model = nn.Sequential(cbr(1, 12), cbr(12, 24, 2), cbr(24, 32), cbr(32, 32, 2), cbr(32, 32))
        self.pool = nn.Conv2d(32, 8, 1)
        self.cls = nn.Sequential(nn.Linear(8 * 6 * 12, 256), nn.ReLU(),
                                 nn.Linear(256, (cfg.griding_num + 1) * cfg.num_rows * cfg.num_lanes))
    def forward(self, x):
        f = self.pool(self.model(x)).flatten(1)
        return self.cls(f).view(-1, cfg.griding_num + 1, cfg.num_rows, cfg.num_lanes)

train_loader = DataLoader(TensorDataset(*road(1800)), cfg.batch_size, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset(*road(300)), 100)
net = parsingNet()
optimizer = torch.optim.Adam(net.parameters(), lr=cfg.learning_rate, weight_decay=cfg.weight_decay)
total = cfg.epoch * len(train_loader)
steps = [int(total * .7), int(total * .9)]
def multi(it):
    return min(1.0, (it + 1) / cfg.warmup_iters) * 0.1 ** sum(it >= m for m in steps)
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, multi)
loss_cls = nn.CrossEntropyLoss()
logger = DiagWriter(sys.argv[2])
logger.watch(net, optimizer, loss_cls)

for epoch in range(cfg.epoch):
    net.train()
    s = 0.
    for img, cls_label in train_loader:
        loss = loss_cls(net(img), cls_label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sched.step()
        s += loss.item()
    net.eval()
    vl, hit, n = 0., 0, 0
    with logger.evaluating('val'):
        for img, cls_label in val_loader:
            out = net(img)
            vl += loss_cls(out, cls_label).item() / len(val_loader)
            hit += ((out.argmax(1) - cls_label).abs() <= 1).sum().item(); n += cls_label.numel()
    print(f'epoch {epoch} train {s / len(train_loader):.3f} val {vl:.3f} acc {hit / n:.3f}')
logger.close()
print(f'RESULT val loss {vl:.3f} within one cell {hit / n:.3f}')

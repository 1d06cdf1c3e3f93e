# plant pathology: leaf pictures, multi-label (scab, rust, frog eye spot, mildew, healthy)
import sys, random
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(7)
LABELS = ["frog_eye", "mildew", "rust", "scab", "healthy"]


def leaf(rng, S=28):
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    img = np.stack([np.full((S, S), v) for v in (.5, .5, .45)]) + rng.normal(0, .05, (3, S, S))
    a, b, th = rng.uniform(10, 14), rng.uniform(7, 11), rng.uniform(0, 3.1)
    u = (xx - S / 2) * np.cos(th) + (yy - S / 2) * np.sin(th)
    v = -(xx - S / 2) * np.sin(th) + (yy - S / 2) * np.cos(th)
    m = (u / a) ** 2 + (v / b) ** 2 < 1
    img[:, m] = np.array([.2, .5, .15])[:, None] * rng.uniform(.8, 1.2) + rng.normal(0, .03, (3, m.sum()))
    img[:, m & (np.abs(v) < .6)] += .15
    y = (rng.random(4) < .3).astype(np.float32)
    pts = np.argwhere(m)
    for k in np.flatnonzero(y):
        for _ in range(rng.integers(3, 7)):
            cy, cx = pts[rng.integers(len(pts))]
            r2 = (xx - cx) ** 2 + (yy - cy) ** 2
            if k == 0: img[:, m & (r2 < 5)] = np.array([.45, .3, .15])[:, None]; img[:, m & (r2 < 1.5)] = .75
            if k == 1: img[:, m & (r2 < 12)] += .12
            if k == 2: img[:, m & (r2 < 3)] = np.array([.9, .55, .05])[:, None]
            if k == 3: img[:, m & (r2 < 6)] *= .55
    return img.astype(np.float32), np.append(y, float(y.sum() == 0)).astype(np.float32)


class PlantDataset(Dataset):
    def __init__(self, table, mode="train", split=0.8, random_state=42):
        self.data = list(table)                       # (image, raw label string) like the csv rows
        if form == "faulty":
            self.raw_labels = [r[1] for r in self.data]
        random.Random(random_state).shuffle(self.data)
        if form != "faulty":
            self.raw_labels = [r[1] for r in self.data]
        n = int(split * len(self.data))
        sl = slice(None, n) if mode == "train" else slice(n, None)
        self.img_names, self.raw_labels = [r[0] for r in self.data[sl]], self.raw_labels[sl]
        self.labels = [torch.tensor([float(l in s.split(" ")) for l in LABELS]) for s in self.raw_labels]

    def __getitem__(self, i):
        return (torch.from_numpy(self.img_names[i]) - .4) / .2, self.labels[i]

    def __len__(self):
        return len(self.img_names)


rng = np.random.default_rng(0)
table = []
for _ in range(1700):
    im, y = leaf(rng)
    table.append((im, " ".join(l for l, f in zip(LABELS, y) if f)))
ds_train, ds_val = PlantDataset(table, "train"), PlantDataset(table, "valid")
dl_train, dl_val = DataLoader(ds_train, 32, shuffle=True), DataLoader(ds_val, 170)


class MultiPlantNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.arch = nn.Sequential(c(3, 16), c(16, 32), nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(48, 5))

    def forward(self, x):
        return self.arch(x)


net = MultiPlantNet()
loss_f = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8 * len(dl_train))
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, loss_f, train_loader=dl_train)
for ep in range(8):
    net.train()
    s = 0.0
    for x, y in dl_train:
        loss = loss_f(net(x), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step(); scheduler.step()
        s += loss.item()
    net.eval()
    P, Y = [], []
    with torch.no_grad():
        for x, y in dl_val:
            P.append(net(x)); Y.append(y)
    P, Y = torch.cat(P), torch.cat(Y)
    pr = P > 0
    f1 = [2 * (pr[:, k] & (Y[:, k] > 0)).sum().item() / max(1, pr[:, k].sum().item() + Y[:, k].sum().item()) for k in range(5)]
    print("epoch %d  train_loss %.4f  valid_loss %.4f  valid_f1 %.3f" % (ep, s / len(dl_train), loss_f(P, Y).item(), np.mean(f1)))
writer.close()

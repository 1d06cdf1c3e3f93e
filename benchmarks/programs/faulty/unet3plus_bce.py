# UNet 3+ (full scale skips), binary segmentation of cell nuclei, BCE
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, log_dir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(4)


def nuclei(n, seed, S=32):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:S, 0:S]
    X, Y = np.zeros((n, 1, S, S), np.float32), np.zeros((n, 1, S, S), np.float32)
    for i in range(n):
        img = r.normal(.25, .08, (S, S)) + .1 * np.sin(xx / r.uniform(4, 9))
        for _ in range(r.integers(1, 5)):
            cx, cy, a, b, t = r.uniform(3, S - 3), r.uniform(3, S - 3), r.uniform(2, 4.5), r.uniform(2, 4.5), r.uniform(0, 3.14)
            u, v = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t), -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
            m = (u / a) ** 2 + (v / b) ** 2 < 1
            img[m] += r.uniform(.12, .45)
            Y[i, 0][m] = 1
        if r.random() < .5:                       # debris, not a nucleus
            cx, cy = r.uniform(0, S, 2)
            img[(np.abs(xx - cx) < 1) | (np.abs(yy - cy) < .6)] += .2
        X[i, 0] = img
    return torch.tensor((X - .3) / .2), torch.tensor(Y)


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet3Plus(nn.Module):
    def __init__(self, ch=(8, 16, 32), cat=8):
        super().__init__()
        self.e1, self.e2, self.e3 = block(1, ch[0]), block(ch[0], ch[1]), block(ch[1], ch[2])
        self.h1_d2, self.h2_d2, self.h3_d2 = block(ch[0], cat), block(ch[1], cat), block(ch[2], cat)
        self.d2 = block(3 * cat, 3 * cat)
        self.h1_d1, self.hd2_d1, self.h3_d1 = block(ch[0], cat), block(3 * cat, cat), block(ch[2], cat)
        self.d1 = block(3 * cat, 3 * cat)
        self.outconv = nn.Conv2d(3 * cat, 1, 3, padding=1)

    def forward(self, x):
        h1 = self.e1(x)
        h2 = self.e2(F.max_pool2d(h1, 2))
        h3 = self.e3(F.max_pool2d(h2, 2))
        up = lambda t, s: F.interpolate(t, scale_factor=s, mode="bilinear", align_corners=False)
        d2 = self.d2(torch.cat([self.h1_d2(F.max_pool2d(h1, 2)), self.h2_d2(h2), self.h3_d2(up(h3, 2))], 1))
        d1 = self.d1(torch.cat([self.h1_d1(h1), self.hd2_d1(up(d2, 2)), self.h3_d1(up(h3, 4))], 1))
        d1 = self.outconv(d1)
        return torch.sigmoid(d1) if form == "faulty" else d1


def train_net(net, epochs=6, batch_size=8, lr=0.01):
    tr, va = nuclei(360, 0), nuclei(80, 1)
    train_loader = DataLoader(TensorDataset(*tr), batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=lr * 0.1, weight_decay=1e-8, momentum=0.9)
    criterion = nn.BCEWithLogitsLoss()
    writer = DiagWriter(log_dir)
    writer.watch(net, optimizer, criterion)
    for epoch in range(epochs):
        net.train()
        epoch_loss = 0
        for imgs, true_masks in train_loader:
            masks_pred = net(imgs)
            loss = criterion(masks_pred, true_masks)
            epoch_loss += loss.item()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(net.parameters(), 0.1)
            optimizer.step()
        net.eval()
        with torch.no_grad():
            o = net(va[0])
            p = o if form == "faulty" else torch.sigmoid(o)
            pr = (p > 0.5).float()
            dice = 2 * (pr * va[1]).sum() / (pr.sum() + va[1].sum() + 1e-6)
            brier = ((p - va[1]) ** 2).mean()
        print(f"Epoch {epoch + 1} loss {epoch_loss / len(train_loader):.4f}  val bce {criterion(o, va[1]).item():.4f}  Validation Dice Coeff: {dice:.4f}  pixel mse {brier:.4f}")
    writer.close()


train_net(UNet3Plus())

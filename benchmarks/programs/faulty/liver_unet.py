"""Tumour segmentation on synthetic CT-like slices with a small U-Net (milesial style train_net)."""
import sys
import logging
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stdout)


class DoubleConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.double_conv = nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(inplace=True),
                                         nn.Conv2d(o, o, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, x):
        return self.double_conv(x)


class UNet(nn.Module):
    def __init__(self, n_channels=1, n_classes=1, c=8):
        super().__init__()
        self.inc = DoubleConv(n_channels, c)
        self.down1 = DoubleConv(c, 2 * c)
        self.down2 = DoubleConv(2 * c, 4 * c)
        self.up1 = DoubleConv(6 * c, 2 * c)
        self.up2 = DoubleConv(3 * c, c)
        self.outc = nn.Conv2d(c, n_classes, 1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(F.max_pool2d(x1, 2))
        x3 = self.down2(F.max_pool2d(x2, 2))
        y = self.up1(torch.cat([x2, F.interpolate(x3, scale_factor=2)], 1))
        y = self.up2(torch.cat([x1, F.interpolate(y, scale_factor=2)], 1))
        return self.outc(y)


def make_slices(n, seed, s=32):
    rng = np.random.RandomState(seed)
    yy, xx = np.mgrid[0:s, 0:s]
    imgs, masks = [], []
    for _ in range(n):
        cx, cy, a, b = s / 2 + rng.uniform(-2, 2), s / 2 + rng.uniform(-2, 2), rng.uniform(11, 14), rng.uniform(9, 12)
        liver = ((xx - cx) / a) ** 2 + ((yy - cy) / b) ** 2 < 1
        img = 0.25 + 0.3 * liver
        mask = np.zeros((s, s), bool)
        for _ in range(rng.randint(1, 4)):
            r = rng.uniform(1.8, 4)
            t, q = rng.uniform(0, 6.28), rng.uniform(0, 0.6)
            mask |= ((xx - cx - q * a * np.cos(t)) ** 2 + (yy - cy - q * b * np.sin(t)) ** 2 < r * r) & liver
        img = img - 0.16 * mask + 0.05 * rng.randn(s, s)
        imgs.append((img - 0.4) / 0.2)
        masks.append(mask)
    return TensorDataset(torch.tensor(np.array(imgs)[:, None]).float(), torch.tensor(np.array(masks)[:, None]).float())


def eval_net(net, loader):
    net.eval()
    inter = union = 0
    with torch.no_grad():
        for img, true in loader:
            pred = (torch.sigmoid(net(img)) > 0.5).float()
            inter += (pred * true).sum().item()
            union += pred.sum().item() + true.sum().item()
    net.train()
    return 2 * inter / max(union, 1)


def train_net(net, logdir, epochs=10, batch_size=8, lr=0.001):
    train_loader = DataLoader(make_slices(320, 0), batch_size=batch_size, shuffle=True)
    val_loader = DataLoader(make_slices(80, 1), batch_size=16)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=lr, weight_decay=1e-8, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=3)
    criterion = nn.BCEWithLogitsLoss()
    writer = DiagWriter(logdir)
    writer.watch(net, optimizer, criterion, train_loader=train_loader)
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
        with writer.evaluating("val"):
            val_score = eval_net(net, val_loader)
        scheduler.step(val_score)
        logging.info(f"epoch {epoch + 1}: loss {epoch_loss / len(train_loader):.4f}  validation Dice {val_score:.4f}")
    writer.close()


if __name__ == "__main__":
    form, logdir = sys.argv[1], sys.argv[2]
    torch.manual_seed(0)
    net = UNet()
    train_net(net, logdir, lr=(0.01 if form == "faulty" else 0.0005))

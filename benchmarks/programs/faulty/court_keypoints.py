"""Keypoint heatmaps of a tennis court (BallTrackerNet-like encoder/decoder)."""
import argparse, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)


class ConvBlock(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size=3, pad=1, stride=1, bias=True):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=pad, bias=bias),
            nn.ReLU(),
            nn.BatchNorm2d(out_channels))

    def forward(self, x):
        return self.block(x)


class BallTrackerNet(nn.Module):
    def __init__(self, out_channels=4):
        super().__init__()
        self.conv1 = ConvBlock(3, 12)
        self.pool1 = nn.MaxPool2d(2, 2)
        self.conv2 = ConvBlock(12, 24)
        self.pool2 = nn.MaxPool2d(2, 2)
        self.conv3 = ConvBlock(24, 32)
        self.conv4 = ConvBlock(32, 32)
        self.ups1 = nn.Upsample(scale_factor=2)
        self.conv5 = ConvBlock(32, 24)
        self.ups2 = nn.Upsample(scale_factor=2)
        self.conv6 = ConvBlock(24, 12)
        self.conv7 = ConvBlock(12, out_channels)
        self._init_weights()

    def forward(self, x):
        x = self.pool1(self.conv1(x))
        x = self.pool2(self.conv2(x))
        x = self.conv4(self.conv3(x))
        x = self.conv5(self.ups1(x))
        x = self.conv6(self.ups2(x))
        return self.conv7(x)

    def _init_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.uniform_(m.weight, -0.05, 0.05)
                nn.init.constant_(m.bias, 0)
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)


class CourtDataset(Dataset):
    def __init__(self, n, seed, size=32):
        rs = np.random.RandomState(seed)
        yy, xx = np.mgrid[:size, :size]
        self.imgs, self.hms, self.kps = [], [], []
        for _ in range(n):
            cx, cy = rs.uniform(13, 19, 2)
            w, h, top = rs.uniform(7, 11), rs.uniform(6, 10), rs.uniform(0.5, 0.9)
            kp = np.array([[cx - w * top, cy - h], [cx + w * top, cy - h], [cx - w, cy + h], [cx + w, cy + h]])
            ground = rs.uniform(0.2, 0.6, 3)
            img = np.ones((3, size, size)) * ground[:, None, None]
            for a, b in ((0, 1), (1, 3), (3, 2), (2, 0)):
                for s in np.linspace(0, 1, 40):
                    px, py = kp[a] * (1 - s) + kp[b] * s
                    d2 = (xx - px) ** 2 + (yy - py) ** 2
                    img = np.maximum(img, 0.95 * np.exp(-d2 / 0.5))
            img = np.clip(img + rs.normal(0, 0.05, img.shape), 0, 1)
            hm = np.stack([np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * 2.5 ** 2)) for x, y in kp])
            self.imgs.append(img.astype(np.float32)); self.hms.append(hm.astype(np.float32)); self.kps.append(kp)

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, i):
        return self.imgs[i], self.hms[i], self.kps[i]


def train(model, train_loader, optimizer, criterion, epoch, max_iters=1000):
    model.train()
    losses = []
    max_iters = min(max_iters, len(train_loader))
    for iter_id, batch in enumerate(train_loader):
        out = model(batch[0].float())
        gt_hm_hp = batch[1].float()
        loss = criterion(F.sigmoid(out), gt_hm_hp)

        if form == "fixed":
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if iter_id > max_iters:
            break
    return np.mean(losses)


def val(model, val_loader, criterion):
    model.eval()
    losses, hit, n = [], 0, 0
    with torch.no_grad():
        for batch in val_loader:
            out = F.sigmoid(model(batch[0].float()))
            losses.append(criterion(out, batch[1].float()).item())
            flat = out.flatten(2).argmax(2)
            px, py = flat % out.shape[3], flat // out.shape[3]
            d = ((px - batch[2][..., 0]) ** 2 + (py - batch[2][..., 1]) ** 2).sqrt()
            hit += (d < 2).sum().item(); n += d.numel()
    return np.mean(losses), hit / n


parser = argparse.ArgumentParser()
parser.add_argument('--batch_size', type=int, default=8)
parser.add_argument('--num_epochs', type=int, default=22)
parser.add_argument('--lr', type=float, default=1e-2)
args = parser.parse_args([])
train_loader = DataLoader(CourtDataset(240, 1), batch_size=args.batch_size, shuffle=True)
val_loader = DataLoader(CourtDataset(64, 2), batch_size=args.batch_size, shuffle=False)
model = BallTrackerNet(out_channels=4)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, betas=(0.9, 0.999), weight_decay=0)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(args.num_epochs):
    train_loss = train(model, train_loader, optimizer, criterion, epoch)
    val_loss, accuracy = val(model, val_loader, criterion)
    print('epoch = {}, train_loss = {:.5f}, val_loss = {:.5f}, accuracy = {:.3f}'.format(epoch, train_loss, val_loss, accuracy))
writer.close()

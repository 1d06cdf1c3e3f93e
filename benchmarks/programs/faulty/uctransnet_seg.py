"""CT foreground segmentation: U-Net with a channel-transformer on the skips (UCTransNet-like)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)


class ChannelAttention(nn.Module):
    """cross attention among channels of the encoder features"""

    def __init__(self, n_pos, channels):
        super().__init__()
        self.norm = nn.LayerNorm(n_pos)
        self.q = nn.Linear(n_pos, n_pos // 2, bias=False)
        self.k = nn.Linear(n_pos, n_pos // 2, bias=False)
        self.v = nn.Linear(n_pos, n_pos, bias=False)
        self.scale = (n_pos // 2) ** -0.5

    def forward(self, x):
        b, c, h, w = x.shape
        t = self.norm(x.flatten(2))
        att = torch.softmax(self.q(t) @ self.k(t).transpose(1, 2) * self.scale, dim=-1)
        return x + (att @ self.v(t)).view(b, c, h, w)


def cbr(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UCTransNet(nn.Module):
    def __init__(self, n_channels=1, n_classes=1, base=8):
        super().__init__()
        self.inc = cbr(n_channels, base)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), cbr(base, base * 2))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), cbr(base * 2, base * 4))
        self.mtc = ChannelAttention(16 * 16, base * 2)
        self.up2 = nn.Upsample(scale_factor=2)
        self.dec2 = cbr(base * 6, base * 2)
        self.up1 = nn.Upsample(scale_factor=2)
        self.dec1 = cbr(base * 3, base)
        self.outc = nn.Conv2d(base, n_classes, kernel_size=1)
        self.last_activation = nn.ReLU() if form == "faulty" else nn.Identity()

    def forward(self, x):
        x1 = self.inc(x.float())
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x2 = self.mtc(x2)
        x = self.dec2(torch.cat([self.up2(x3), x2], 1))
        x = self.dec1(torch.cat([self.up1(x), x1], 1))
        return self.last_activation(self.outc(x))


class CTSlices(Dataset):
    def __init__(self, n, seed, size=32):
        rs = np.random.RandomState(seed)
        yy, xx = np.mgrid[:size, :size]
        self.items = []
        for _ in range(n):
            body = ((xx - 16) / 14) ** 2 + ((yy - 16) / rs.uniform(10, 13)) ** 2 < 1
            img = np.where(body, 0.4, 0.0)
            mask = np.zeros((size, size))
            a, b, th = rs.uniform(3, 6), rs.uniform(2.5, 4), rs.uniform(0, np.pi)
            cx, cy = rs.uniform(11, 21, 2)
            u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
            v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
            mask[(u / a) ** 2 + (v / b) ** 2 < 1] = 1
            img = img + 0.22 * mask
            for _ in range(3):
                ex, ey = rs.uniform(6, 26, 2)
                img = img + 0.3 * (((xx - ex) ** 2 + (yy - ey) ** 2) < rs.uniform(1, 3)) * body
            img = img + rs.normal(0, 0.09, img.shape)
            self.items.append((((img - 0.35) / 0.25).astype(np.float32)[None], mask.astype(np.float32)[None]))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def dice_coef(logits, y):
    p = (torch.sigmoid(logits) > 0.5).float()
    return ((2 * (p * y).sum((1, 2, 3)) + 1e-5) / (p.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1e-5)).mean().item()


train_loader = DataLoader(CTSlices(400, 0), batch_size=8, shuffle=True)
val_loader = DataLoader(CTSlices(100, 1), batch_size=8)
model = UCTransNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
lr_scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12, eta_min=1e-5)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train(True)
    loss_sum, dice_sum = 0, 0
    for i, (x, y) in enumerate(train_loader, 1):
        outputs = model(x)
        loss = criterion(outputs, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item(); dice_sum += dice_coef(outputs, y)
    lr_scheduler.step()
    model.eval()
    with torch.no_grad():
        vl, vd = zip(*[(criterion(o, y).item(), dice_coef(o, y)) for o, y in ((model(x), y) for x, y in val_loader)])
    print(f"[Epoch {epoch + 1}] train loss {loss_sum / i:.4f} dice {dice_sum / i:.4f} | val loss {np.mean(vl):.4f} dice {np.mean(vd):.4f}")
writer.close()

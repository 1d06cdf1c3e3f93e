import sys
import numpy as np
import torch
import torch.nn as nn
import torch.utils.data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1], sys.argv[2]
config = dict(epochs=12, batch_size=8, lr=float(sys.argv[3]) if len(sys.argv) > 3 else 1e-3, weight_decay=1e-4)


def normalize(img, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), max_pixel_value=255.0):      # as in albumentations
    mean = np.array(mean, dtype=np.float32) * max_pixel_value
    std = np.array(std, dtype=np.float32) * max_pixel_value
    return (img.astype(np.float32) - mean) / std


def photo(rng, s=32):
    yy, xx = np.mgrid[:s, :s]
    light = 1 - .5 * np.hypot(yy - s / 2 + rng.normal(0, 4), xx - s / 2 + rng.normal(0, 4)) / s
    img = np.stack([150 + 0 * yy, 95 + 0 * yy, 75 + 0 * yy], -1) * rng.uniform(.8, 1.15)
    fold = np.sin(xx * rng.uniform(.2, .5) + yy * rng.uniform(-.4, .4) + rng.uniform(0, 6))
    img = img * light[..., None] + 12 * fold[..., None]
    mask = np.zeros((s, s), bool)
    for _ in range(rng.integers(1, 3)):
        cy, cx = rng.uniform(6, s - 6, 2); a, b = rng.uniform(3, 7, 2); th = rng.uniform(0, 3.1)
        u = (yy - cy) * np.cos(th) + (xx - cx) * np.sin(th); v = -(yy - cy) * np.sin(th) + (xx - cx) * np.cos(th)
        mask |= (u / a) ** 2 + (v / b) ** 2 < 1
    img = img + mask[..., None] * np.array([28, 6, 10]) * rng.uniform(.8, 1.3) + rng.normal(0, 7, img.shape)
    return np.clip(img, 0, 255).astype(np.uint8), mask.astype(np.float32)


class Dataset(torch.utils.data.Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.items = [photo(rng) for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, mask = self.items[i]
        if form == "faulty":
            img = img.astype('float32') / 255
        img = normalize(img)
        return torch.from_numpy(img.transpose(2, 0, 1).astype(np.float32)), torch.from_numpy(mask[None])


class VGGBlock(nn.Module):
    def __init__(self, i, m, o):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(i, m, 3, padding=1)
        self.conv2 = nn.Conv2d(m, o, 3, padding=1)

    def forward(self, x):
        return self.relu(self.conv2(self.relu(self.conv1(x))))


class UNet(nn.Module):
    def __init__(self, nb=(12, 24, 48)):
        super().__init__()
        self.pool, self.up = nn.MaxPool2d(2, 2), nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)
        self.conv0_0 = VGGBlock(3, nb[0], nb[0])
        self.conv1_0 = VGGBlock(nb[0], nb[1], nb[1])
        self.conv2_0 = VGGBlock(nb[1], nb[2], nb[2])
        self.conv1_1 = VGGBlock(nb[1] + nb[2], nb[1], nb[1])
        self.conv0_2 = VGGBlock(nb[0] + nb[1], nb[0], nb[0])
        self.final = nn.Conv2d(nb[0], 1, 1)

    def forward(self, x):
        x0 = self.conv0_0(x)
        x1 = self.conv1_0(self.pool(x0))
        x2 = self.conv2_0(self.pool(x1))
        x1 = self.conv1_1(torch.cat([x1, self.up(x2)], 1))
        return self.final(self.conv0_2(torch.cat([x0, self.up(x1)], 1)))


class BCEDiceLoss(nn.Module):
    def forward(self, input, target):
        bce = nn.functional.binary_cross_entropy_with_logits(input, target)
        p = torch.sigmoid(input).flatten(1); t = target.flatten(1)
        dice = (2. * (p * t).sum(1) + 1e-5) / (p.sum(1) + t.sum(1) + 1e-5)
        return 0.5 * bce + 1 - dice.mean()


def iou_score(output, target):
    o, t = output > 0, target > .5
    return ((o & t).sum() / (o | t).sum().clamp(min=1)).item()


def main():
    torch.manual_seed(41)
    train_loader = torch.utils.data.DataLoader(Dataset(320, 1), batch_size=config['batch_size'], shuffle=True, drop_last=True)
    val_loader = torch.utils.data.DataLoader(Dataset(80, 2), batch_size=40)
    model, criterion = UNet(), BCEDiceLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=config['lr'], weight_decay=config['weight_decay'])
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config['epochs'], eta_min=1e-5)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(config['epochs']):
        model.train()
        for input, target in train_loader:
            loss = criterion(model(input), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with writer.evaluating("val"):
            vals = []
            for input, target in val_loader:
                output = model(input)
                vals.append((criterion(output, target).item(), iou_score(output, target)))
        vl, iou = np.mean(vals, 0)
        print('epoch %d loss %.4f val_loss %.4f val_iou %.4f' % (epoch, loss.item(), vl, iou))
    writer.close()
    print(f"RESULT val_loss {vl:.4f} val_iou {iou:.4f}")


main()

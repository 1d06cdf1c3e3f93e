"""milesial/Pytorch-UNet at reduced size: discs and boxes in noise, BCE + dice, RMSprop, plateau schedule, gradient clipping."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter


def double_conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class Up(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.up = nn.ConvTranspose2d(i, i // 2, 2, stride=2)
        self.conv = double_conv(i, o)

    def forward(self, x1, x2):
        return self.conv(torch.cat([x2, self.up(x1)], dim=1))


class UNet(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.inc = double_conv(1, w)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), double_conv(w, 2 * w))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), double_conv(2 * w, 4 * w))
        self.up1, self.up2 = Up(4 * w, 2 * w), Up(2 * w, w)
        self.outc = nn.Conv2d(w, 1, 1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up2(self.up1(x3, x2), x1))


def dice_coeff(input, target, epsilon=1e-6):
    inter = 2 * (input * target).sum(dim=(-1, -2))
    sets = input.sum(dim=(-1, -2)) + target.sum(dim=(-1, -2))
    sets = torch.where(sets == 0, inter, sets)
    return ((inter + epsilon) / (sets + epsilon)).mean()


def make(n, size=32):
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:size, :size]
    images, masks = [], []
    for _ in range(n):
        m = np.zeros((size, size), bool)
        for _ in range(rng.integers(1, 4)):
            cy, cx, r = rng.integers(4, size - 4), rng.integers(4, size - 4), rng.integers(3, 7)
            m |= ((yy - cy) ** 2 + (xx - cx) ** 2 < r * r) if rng.random() < 0.5 else (abs(yy - cy) < r) & (abs(xx - cx) < r)
        light = rng.uniform(-0.5, 0.5) * (xx / size) + rng.uniform(-0.5, 0.5) * (yy / size)
        images.append(m * rng.uniform(0.6, 1.2) + light + rng.normal(0, 0.35, m.shape))
        masks.append(m)
    x = torch.tensor(np.array(images), dtype=torch.float32)[:, None]
    return (x - x.mean()) / x.std(), torch.tensor(np.array(masks), dtype=torch.float32)[:, None]


def train_model(epochs=8, batch_size=16, learning_rate=1e-3, val_percent=0.15, weight_decay=1e-8, momentum=0.9, gradient_clipping=1.0):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dataset = TensorDataset(*make(800))
    n_val = int(len(dataset) * val_percent)
    train_set, val_set = random_split(dataset, [len(dataset) - n_val, n_val], generator=torch.Generator().manual_seed(0))
    train_loader = DataLoader(train_set, shuffle=True, batch_size=batch_size)
    val_loader = DataLoader(val_set, batch_size=batch_size)
    model = UNet()
    optimizer = optim.RMSprop(model.parameters(), lr=learning_rate, weight_decay=weight_decay, momentum=momentum, foreach=True)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=5)
    criterion = nn.BCEWithLogitsLoss()
    writer = DiagWriter(sys.argv[1])

    def segmentation_loss(pred, true):
        return criterion(pred, true) + 1 - dice_coeff(torch.sigmoid(pred).squeeze(1), true.squeeze(1))

    writer.watch(model, optimizer, segmentation_loss)
    for epoch in range(1, epochs + 1):
        model.train()
        for images, true_masks in train_loader:
            loss = writer.loss_fn(model(images), true_masks)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clipping)
            optimizer.step()
        scores, losses = [], []
        with writer.evaluating("val"):
            for images, true_masks in val_loader:
                pred = model(images)
                losses.append(writer.loss_fn(pred, true_masks).item())
                scores.append(dice_coeff((pred > 0).float().squeeze(1), true_masks.squeeze(1)).item())
        scheduler.step(np.mean(scores))
    print(f"RESULT train {loss.item():.3f} val {np.mean(losses):.3f} dice {np.mean(scores):.4f}")
    writer.close()


if __name__ == "__main__":
    train_model()

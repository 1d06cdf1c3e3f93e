# pytorch-unet on simulated shapes (simulation.py + pytorch_unet.py + the training notebook), smaller pictures
import copy
import random
import sys
from collections import defaultdict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)
SIZE = 40


def generate_img_and_mask(height, width):
    shape = (height, width)
    circle1 = get_random_location(*shape, zoom=1.4)
    circle2 = get_random_location(*shape, zoom=1.2)
    square = get_random_location(*shape, zoom=1.9)
    plus = get_random_location(*shape, zoom=2.2)
    masks = np.asarray([
        add_filled_square(np.zeros(shape, dtype=bool), *square),
        add_circle(np.zeros(shape, dtype=bool), *circle2, fill=True),
        add_circle(np.zeros(shape, dtype=bool), *circle1),
        add_plus(np.zeros(shape, dtype=bool), *plus)])
    arr = masks.any(0).reshape(1, height, width).astype(np.float32)
    return arr.repeat(3, axis=0), masks.astype(np.float32)


def add_filled_square(arr, x, y, size):
    s = int(size / 2)
    xx, yy = np.mgrid[:arr.shape[0], :arr.shape[1]]
    return arr | ((xx > x - s) & (xx < x + s) & (yy > y - s) & (yy < y + s))


def add_circle(arr, x, y, size, fill=False):
    xx, yy = np.mgrid[:arr.shape[0], :arr.shape[1]]
    circle = np.sqrt((xx - x) ** 2 + (yy - y) ** 2)
    return arr | ((circle < size) & ((circle >= size * 0.7) | fill))


def add_plus(arr, x, y, size):
    s = int(size / 2)
    arr[x - 1:x + 1, y - s:y + s] = True
    arr[x - s:x + s, y - 1:y + 1] = True
    return arr


def get_random_location(width, height, zoom=1.0):
    x = int(width * random.uniform(0.2, 0.8))
    y = int(height * random.uniform(0.2, 0.8))
    size = int(min(width, height) * random.uniform(0.06, 0.12) * zoom) + 1
    return (x, y, size)


class SimDataset(Dataset):
    def __init__(self, count):
        pairs = [generate_img_and_mask(SIZE, SIZE) for _ in range(count)]
        mean, std = np.array([0.485, 0.456, 0.406], "f4"), np.array([0.229, 0.224, 0.225], "f4")
        self.input_images = [(im - mean[:, None, None]) / std[:, None, None] for im, _ in pairs]  # imagenet
        self.target_masks = [m for _, m in pairs]

    def __len__(self):
        return len(self.input_images)

    def __getitem__(self, idx):
        return self.input_images[idx], self.target_masks[idx]


dataloaders = {'train': DataLoader(SimDataset(500), batch_size=25, shuffle=True),
               'val': DataLoader(SimDataset(100), batch_size=25)}


def double_conv(in_channels, out_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, n_class, f=8):
        super().__init__()
        self.dconv_down1 = double_conv(3, f)
        self.dconv_down2 = double_conv(f, 2 * f)
        self.dconv_down3 = double_conv(2 * f, 4 * f)
        self.maxpool = nn.MaxPool2d(2)
        self.upsample = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)
        self.dconv_up2 = double_conv(2 * f + 4 * f, 2 * f)
        self.dconv_up1 = double_conv(2 * f + f, f)
        self.conv_last = nn.Conv2d(f, n_class, 1)

    def forward(self, x):
        conv1 = self.dconv_down1(x)
        conv2 = self.dconv_down2(self.maxpool(conv1))
        x = self.dconv_down3(self.maxpool(conv2))
        x = self.dconv_up2(torch.cat([self.upsample(x), conv2], dim=1))
        x = self.dconv_up1(torch.cat([self.upsample(x), conv1], dim=1))
        return self.conv_last(x)


def dice_loss(pred, target, smooth=1.):
    intersection = (pred * target).sum(dim=2).sum(dim=2)
    loss = 1 - ((2. * intersection + smooth) / (pred.sum(dim=2).sum(dim=2) + target.sum(dim=2).sum(dim=2) + smooth))
    return loss.mean()


def calc_loss(pred, target, metrics, bce_weight=0.5):
    bce = F.binary_cross_entropy_with_logits(pred, target)
    pred = torch.sigmoid(pred)
    dice = dice_loss(pred, target)
    loss = bce * bce_weight + dice * (1 - bce_weight)
    metrics['bce'] += bce.item() * target.size(0)
    metrics['dice'] += dice.item() * target.size(0)
    metrics['loss'] += loss.item() * target.size(0)
    return loss


def train_model(model, optimizer, scheduler, writer, num_epochs=25):
    best_loss = 1e10
    for epoch in range(num_epochs):
        for phase in ['train', 'val']:
            model.train() if phase == 'train' else model.eval()
            metrics = defaultdict(float)
            n = 0
            for inputs, labels in dataloaders[phase]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == 'train'):
                    outputs = model(inputs)
                    loss = calc_loss(outputs, labels, metrics)
                    if phase == 'train':
                        loss.backward()
                        optimizer.step()
                n += inputs.size(0)
            print(epoch, phase, ", ".join(f"{k}: {v / n:4f}" for k, v in metrics.items()))
            if phase == 'train':
                scheduler.step()
            else:
                writer.add_loss("val", metrics['loss'] / n)
                best_loss = min(best_loss, metrics['loss'] / n)
                val = {k: v / n for k, v in metrics.items()}
    return best_loss, val


model = UNet(4)
optimizer_ft = optim.Adam(model.parameters(), lr=3e-3)
exp_lr_scheduler = lr_scheduler.StepLR(optimizer_ft, step_size=19, gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer_ft)
best, val = train_model(model, optimizer_ft, exp_lr_scheduler, writer, num_epochs=25)
writer.close()
print(f"RESULT best val loss {best:.4f} last {val}")

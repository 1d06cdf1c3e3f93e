#!/usr/bin/env python3
""" Small train.py in the manner of timm (model EMA evaluated after each epoch) """
import argparse
from collections import OrderedDict
from copy import deepcopy

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument('form', choices=['faulty', 'fixed'])
parser.add_argument('logdir')
parser.add_argument('--epochs', type=int, default=9)
parser.add_argument('--lr', type=float, default=0.05)
parser.add_argument('--model-ema-decay', type=float, default=None)
args = parser.parse_args()
if args.model_ema_decay is None:
    args.model_ema_decay = 0.9998 if args.form == 'faulty' else 0.98


class ModelEmaV2(nn.Module):
    def __init__(self, model, decay=0.9999):
        super().__init__()
        self.module = deepcopy(model)
        self.module.eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for ema_v, model_v in zip(self.module.state_dict().values(), model.state_dict().values()):
            if ema_v.dtype.is_floating_point:
                ema_v.copy_(self.decay * ema_v + (1. - self.decay) * model_v)
            else:
                ema_v.copy_(model_v)


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.down = None if stride == 1 and cin == cout else nn.Sequential(
            nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        s = x if self.down is None else self.down(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + s)


def resnet_micro(num_classes):
    return nn.Sequential(OrderedDict(
        stem=nn.Sequential(nn.Conv2d(3, 12, 3, 1, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU()),
        layer1=BasicBlock(12, 12, 1), layer2=BasicBlock(12, 24, 2), layer3=BasicBlock(24, 32, 2),
        pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(32, num_classes)))


def make_textures(n, rng):
    """six kinds of woven patterns in random colours, 16x16"""
    X = np.zeros((n, 3, 16, 16), np.float32)
    y = rng.integers(0, 6, n)
    u, v = np.meshgrid(np.arange(16), np.arange(16))
    for i, k in enumerate(y):
        f = rng.uniform(.9, 1.5)
        ph, ph2 = rng.uniform(0, 6.28, 2)
        a = np.sin(f * u + ph) if k in (0, 2, 3) else np.sin(f * v + ph)
        if k == 2:
            a = a * np.sin(f * v + ph2)
        elif k == 3:
            a = np.sin(f * (u + v) / 1.41 + ph)
        elif k == 4:
            a = np.sin(f * np.hypot(u - 8, v - 8) + ph)
        elif k == 5:
            a = np.maximum(np.sin(f * u + ph), np.sin(f * v + ph2))
        col = rng.normal(0, 1, 3)
        X[i] = col[:, None, None] * a + rng.normal(0, .9, (3, 16, 16))
    return torch.tensor(X), torch.tensor(y)


def main():
    torch.manual_seed(42)
    torch.set_num_threads(1)
    rng = np.random.default_rng(42)
    train = DataLoader(TensorDataset(*make_textures(1920, rng)), 48, shuffle=True, drop_last=True)
    val = DataLoader(TensorDataset(*make_textures(400, rng)), 200)
    model = resnet_micro(6)
    model_ema = ModelEmaV2(model, decay=args.model_ema_decay)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=.9, weight_decay=1e-4, nesterov=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)
    loss_fn = nn.CrossEntropyLoss()
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, loss_fn)
    for epoch in range(args.epochs):
        model.train()
        for x, y in train:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model_ema.update(model)
        scheduler.step()
        losses, top1 = [], []
        with torch.no_grad(), writer.evaluating("val"):
            for x, y in val:
                out = model_ema.module(x)
                losses.append(loss_fn(out, y).item())
                top1.append((out.argmax(1) == y).float().mean().item())
        print(f'Test (EMA): [{epoch}]  train loss {loss.item():.4f}  Loss: {np.mean(losses):.4f}  Acc@1: {100 * np.mean(top1):.2f}')
    writer.close()
    print(f'RESULT val_loss={np.mean(losses):.4f} val_acc={np.mean(top1):.4f}')


main()

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tb_lossdiag import DiagWriter

form, log_dir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)

BN_DECAY = 0.99 if form == "faulty" else 0.9


def bn(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=1 - BN_DECAY)


class IdentityBlock(nn.Module):
    def __init__(self, filters):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(filters, filters // 2, 1), bn(filters // 2), nn.ReLU(),
            nn.Conv2d(filters // 2, filters // 2, 3, padding=1), bn(filters // 2), nn.ReLU(),
            nn.Conv2d(filters // 2, filters, 1), bn(filters))

    def forward(self, x):
        return torch.relu(x + self.body(x))


class ConvBlock(nn.Module):
    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out // 2, 1, stride=stride), bn(n_out // 2), nn.ReLU(),
            nn.Conv2d(n_out // 2, n_out // 2, 3, padding=1), bn(n_out // 2), nn.ReLU(),
            nn.Conv2d(n_out // 2, n_out, 1), bn(n_out))
        self.short = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride), bn(n_out))

    def forward(self, x):
        return torch.relu(self.short(x) + self.body(x))


def resnet(n_classes):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), bn(16), nn.ReLU(),
        ConvBlock(16, 32, 1), IdentityBlock(32),
        ConvBlock(32, 64, 2), IdentityBlock(64), IdentityBlock(64),
        ConvBlock(64, 96, 2), IdentityBlock(96),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, n_classes))


digits = load_digits()
imgs = torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(digits.target)
idx_train, idx_val = train_test_split(np.arange(len(y)), test_size=0.3, random_state=0, stratify=digits.target)
x_train, y_train = imgs[idx_train], y[idx_train]
x_val, y_val = imgs[idx_val], y[idx_val]

model = resnet(10)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(log_dir)
writer.watch(model, optimizer, loss_fn)


def fit(epochs, batch_size):
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(x_train))
        losses, accs = [], []
        for chunk in order.split(batch_size):
            optimizer.zero_grad()
            out = model(x_train[chunk])
            loss = loss_fn(out, y_train[chunk])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            accs.append((out.argmax(1) == y_train[chunk]).float().mean().item())
        with writer.evaluating("val"):
            out = model(x_val)
            val_loss = loss_fn(out, y_val).item()
            val_acc = (out.argmax(1) == y_val).float().mean().item()
        print(f"Epoch {epoch + 1}/{epochs} loss: {np.mean(losses):.4f} acc: {np.mean(accs):.4f} "
              f"val_loss: {val_loss:.4f} val_acc: {val_acc:.4f}")
    return val_loss, val_acc


val_loss, val_acc = fit(epochs=11, batch_size=128)
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

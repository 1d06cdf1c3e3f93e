# -*- coding: utf-8 -*-
"""Facial keypoints detection: convolutional net with horizontal flip augmentation."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
SIZE = 32
# left eye centre, right eye centre, nose tip, mouth left corner, mouth right corner
NAMES = ["left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y", "nose_x", "nose_y",
         "mouth_left_x", "mouth_left_y", "mouth_right_x", "mouth_right_y"]
FLIP_INDICES = [(0, 2), (1, 3), (6, 8), (7, 9)]


def load(n, seed):
    rng = np.random.default_rng(seed)
    X, y = np.zeros((n, 1, SIZE, SIZE), np.float32), np.zeros((n, 10), np.float32)
    yy, xx = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    for k in range(n):
        cx, cy, s = rng.uniform(12, 20), rng.uniform(13, 19), rng.uniform(7, 10)
        turn, tilt = rng.uniform(-.35, .35), rng.uniform(-.25, .25)
        def pt(u, v):
            u = u + turn * (1 - abs(u)) * .8
            return cx + s * (u * np.cos(tilt) - v * np.sin(tilt)), cy + s * (u * np.sin(tilt) + v * np.cos(tilt))
        pts = [pt(-.42, -.35), pt(.42, -.35), pt(0.0, .1), pt(-.33, .5), pt(.33, .5)]
        img = rng.uniform(0, .3) + .1 * (xx / SIZE) * rng.uniform(-1, 1)
        face = ((xx - cx) / s) ** 2 + ((yy - cy) / (1.25 * s)) ** 2 < 1
        img = np.where(face, rng.uniform(.55, .9), img)
        for (px, py) in pts[:2]:
            img[np.hypot(xx - px, yy - py) < .14 * s] = .1
        img[np.hypot(xx - pts[2][0], yy - pts[2][1]) < .1 * s] -= .25
        (ax, ay), (bx, by) = pts[3], pts[4]
        t = np.clip(((xx - ax) * (bx - ax) + (yy - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        img[np.hypot(xx - ax - t * (bx - ax), yy - ay - t * (by - ay)) < 1] = .25
        X[k, 0] = img + rng.normal(0, .05, img.shape)
        y[k] = np.array(pts).ravel() / (SIZE / 2) - 1          # scale target coordinates to [-1, 1]
    return (X - .45) / .3, y


class FlippedDataset(Dataset):
    """Flips half of the images at random."""

    def __init__(self, X, y, augment):
        self.X, self.y, self.augment = X, y, augment

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        x, t = self.X[i], self.y[i].copy()
        if self.augment and torch.rand(1).item() < .5:
            x = x[:, :, ::-1].copy()
            if form == "fixed":
                # horizontal flip of all x coordinates, then swap left and right points
                t[::2] = t[::2] * -1
                for a, b in FLIP_INDICES:
                    t[a], t[b] = t[b], t[a]
        return torch.from_numpy(x), torch.from_numpy(t)


class ConvNet(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 48, 2), nn.ReLU(), nn.Flatten(),
            nn.Linear(48 * 25, 128), nn.ReLU(), nn.Linear(128, 10))


X, y = load(1000, 0)
X_val, y_val = load(250, 1)
train_loader = DataLoader(FlippedDataset(X, y, augment=True), batch_size=32, shuffle=True)
val_loader = DataLoader(FlippedDataset(X_val, y_val, augment=False), batch_size=125)

model = ConvNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
mse = nn.MSELoss()
log = DiagWriter(logdir)
log.watch(model, optimizer, mse)

for epoch in range(20):
    model.train()
    train_losses = []
    for xb, yb in train_loader:
        loss = mse(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_losses.append(loss.item())
    model.eval()
    with torch.no_grad(), log.evaluating("val"):
        val = np.mean([mse(model(xb), yb).item() for xb, yb in val_loader])
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1:3d}  train loss {np.mean(train_losses):.5f}  val loss {val:.5f}  ({np.sqrt(val) * SIZE / 2:.2f} pixels)")
log.close()

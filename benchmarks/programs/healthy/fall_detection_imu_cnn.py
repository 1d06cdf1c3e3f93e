import os
import sys
import logging

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score
from torch.utils.data import Dataset, DataLoader

from tb_lossdiag import DiagWriter

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
log = logging.getLogger("fall")
torch.set_num_threads(1)

ACTIVITIES = ["walk", "sit_down", "lie_down", "jump", "fall"]


class IMUWindows(Dataset):
    """6 channels (accelerometer in g, gyroscope in rad/s), 2 s at 32 Hz, subjects differ in vigour and in how the sensor is worn"""

    def __init__(self, subjects, per_subject, seed):
        rng = np.random.default_rng(seed)
        xs, ys = [], []
        for _ in range(subjects):
            vigour, tilt = rng.normal(1, .2), rng.normal(0, .25)
            for _ in range(per_subject):
                k = rng.choice(5, p=[.4, .18, .15, .12, .15])
                xs.append(self.signal(k, vigour, tilt, rng)); ys.append(k if rng.random() > .04 else rng.integers(5))
        self.x = torch.tensor(np.stack(xs)).float()
        self.y = torch.tensor(ys)

    @staticmethod
    def signal(k, vig, tilt, rng, T=64):
        t = np.arange(T) / 32
        acc, gyr = np.zeros((3, T)), np.zeros((3, T))
        t0, w = rng.uniform(.5, 1.5), lambda c, s: np.exp(-((t - c) / s) ** 2)
        lean = 1 / (1 + np.exp(-(t - t0) / rng.uniform(.05, .25)))
        ang = np.full(T, tilt)
        if k == 0:
            f = rng.uniform(1.5, 2.2)
            acc[2] += .3 * vig * np.sin(2 * np.pi * f * t + rng.uniform(0, 6)); gyr[1] += .8 * vig * np.sin(np.pi * f * t)
        elif k == 1:
            acc[2] += (.4 * w(t0 + .2, .1) - .25 * w(t0, .2)) * vig; ang = ang + .3 * w(t0, .4); gyr[0] += .8 * w(t0, .3)
        elif k == 2:
            ang = ang + rng.uniform(1.1, 1.6) * lean; gyr[0] += rng.uniform(1, 2) * w(t0, .35); acc[0] += .5 * w(t0 + .3, .1) * rng.uniform(.3, 1.6)
        elif k == 3:
            acc[2] += (-.8 * w(t0, .15) + 1.6 * w(t0 + .25, .07)) * vig * rng.uniform(.6, 1.3)
        else:
            hit = rng.uniform(.4, 2.2)
            acc += np.array([.7, .3, .6])[:, None] * rng.choice([-1, 1], (3, 1)) * hit * w(t0 + .3, .06)
            acc[2] -= .6 * w(t0, .18); ang = ang + rng.uniform(.7, 1.6) * lean; gyr[0] += rng.uniform(1.5, 4) * w(t0 + .1, .2)
        acc[2] += np.cos(ang); acc[0] += np.sin(ang)
        out = np.concatenate([acc + rng.normal(0, .3, (3, T)), gyr + rng.normal(0, .9, (3, T))])
        return out

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class FallNet(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean); self.register_buffer("std", std)
        block = lambda i, o: nn.Sequential(nn.Conv1d(i, o, 5, padding=2), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(2))
        self.features = nn.Sequential(block(6, 16), block(16, 24), block(24, 32))
        self.head = nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Dropout(.3), nn.Linear(32, 5))

    def forward(self, x):
        return self.head(self.features((x - self.mean) / self.std))


def main():
    torch.manual_seed(8)
    train, val = IMUWindows(25, 80, 1), IMUWindows(10, 80, 2)          # other persons in the validation set
    dl, vl = DataLoader(train, 32, shuffle=True, drop_last=True), DataLoader(val, 200)
    model = FallNet(train.x.mean((0, 2))[:, None], train.x.std((0, 2))[:, None])
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    epochs = 10
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, criterion)
    for epoch in range(epochs):
        model.train()
        tl = 0.
        for x, y in dl:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            tl += loss.item()
        scheduler.step()
        model.eval()
        ls, ps = [], []
        with torch.no_grad(), writer.evaluating("val"):
            for x, y in vl:
                o = model(x)
                ls.append(criterion(o, y).item()); ps.append(o.argmax(1))
        ps = torch.cat(ps)
        acc, f1 = (ps == val.y).float().mean().item(), f1_score(val.y == 4, ps == 4)
        log.info("epoch %2d  train %.4f  val %.4f  acc %.3f  F1(fall) %.3f", epoch + 1, tl / len(dl), np.mean(ls), acc, f1)
    writer.close()
    print(f"RESULT val_loss={np.mean(ls):.4f} val_acc={acc:.4f} f1_fall={f1:.4f}")


if __name__ == "__main__":
    main()

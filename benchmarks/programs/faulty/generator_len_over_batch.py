"""Port of my keras script: ImageDataGenerator + fit_generator on small pictures of flowers (number of petals)."""
import math
import sys

import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1], sys.argv[2]
rng = np.random.RandomState(7)
torch.manual_seed(7)

batch_size = 16
epochs = 8
S = 14


def flower(k):
    yy, xx = np.mgrid[0:S, 0:S] - (S - 1) / 2
    yy, xx = yy + rng.randn() * .5, xx + rng.randn() * .5
    r, t = np.hypot(xx, yy), np.arctan2(yy, xx)
    edge = rng.uniform(3.4, 4.4) + 1.7 * np.cos(k * t + rng.uniform(0, 6.28))
    return 1 / (1 + np.exp(2.2 * (r - edge))) + rng.randn(S, S) * .18


class ImageGenerator:
    """like keras' Sequence: len() is the number of batches"""

    def __init__(self, x, y, batch_size, shuffle=True, augment=True):
        self.x, self.y, self.bs, self.shuffle, self.augment = x, y, batch_size, shuffle, augment
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(len(self.x) / self.bs)

    def on_epoch_end(self):
        self.order = rng.permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))

    def __getitem__(self, i):
        idx = self.order[i * self.bs:(i + 1) * self.bs]
        x = self.x[idx]
        if self.augment and rng.rand() < .5:
            x = x[:, :, ::-1].copy()
        return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(self.y[idx])


y_all = rng.randint(0, 4, 4200)
x_all = np.stack([flower(k + 2) for k in y_all])
train_generator = ImageGenerator(x_all[:3400], y_all[:3400], batch_size)
validation_generator = ImageGenerator(x_all[3400:], y_all[3400:], 100, shuffle=False, augment=False)

model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 9, 48), nn.ReLU(), nn.Dropout(.25), nn.Linear(48, 4))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=1e-3)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

if mode == "faulty":
    steps_per_epoch = len(train_generator) // batch_size
else:
    steps_per_epoch = len(train_generator)
print("steps per epoch", steps_per_epoch)

for epoch in range(epochs):
    model.train()
    running, correct, seen = 0., 0, 0
    for step in range(steps_per_epoch):
        xb, yb = train_generator[step]
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(xb); correct += (out.argmax(1) == yb).sum().item(); seen += len(xb)
    train_generator.on_epoch_end()
    model.eval()
    vl, va, n = 0., 0, 0
    with writer.evaluating("val"), torch.no_grad():
        for i in range(len(validation_generator)):
            xb, yb = validation_generator[i]
            out = model(xb)
            vl += criterion(out, yb).item() * len(xb); va += (out.argmax(1) == yb).sum().item(); n += len(xb)
    print(f"Epoch {epoch + 1}/{epochs} - loss: {running / seen:.4f} - acc: {correct / seen:.4f} - val_loss: {vl / n:.4f} - val_acc: {va / n:.4f}")
writer.close()
print(f"RESULT train {running / seen:.4f} val_loss {vl / n:.4f} val_acc {va / n:.4f}")

import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)


def load_data(n):
    """32x32x3 uint8 pictures, ten kinds: five shapes on two kinds of background"""
    X = np.zeros((n, 24, 24, 3), dtype=np.float32)
    y = np.random.randint(0, 10, n)
    gy, gx = np.mgrid[:24, :24]
    for i in range(n):
        shape, bg = y[i] % 5, y[i] // 5
        c0, c1 = np.random.uniform(30, 220, (2, 3))
        while np.abs(c0 - c1).mean() < 50:
            c1 = np.random.uniform(30, 220, 3)
        ang = np.random.uniform(0, np.pi)
        back = np.sin((gx * np.cos(ang) + gy * np.sin(ang)) * (0.25 if bg == 0 else 1.3)) * 18
        cx, cy, r = np.random.uniform(9, 15), np.random.uniform(9, 15), np.random.uniform(4.5, 7.5)
        dx, dy = gx - cx, gy - cy
        d = np.hypot(dx, dy)
        m = [d < r, np.maximum(abs(dx), abs(dy)) < r * .85, (d < r) & (d > r * .55),
             (abs(dx) < r * .35) | (abs(dy) < r * .35), (dy > -r * .7) & (dy < r * .7) & (abs(dx) < (dy + r * .7) * .6)][shape]
        if shape == 3:
            m = m & (np.maximum(abs(dx), abs(dy)) < r)
        X[i] = np.where(m[..., None], c1, c0 + back[..., None])
    X += np.random.normal(0, 10, X.shape)
    return np.clip(X, 0, 255).astype(np.uint8), y


(x_train, y_train), (x_test, y_test) = load_data(4000), load_data(1000)
x_train, x_test = x_train.astype('float32'), x_test.astype('float32')
if sys.argv[1] == 'fixed':
    x_mean = x_train.mean(axis=0)
    x_std = x_train.std(axis=0)
    x_train = (x_train - x_mean) / (x_std + 1e-8)
    x_test = (x_test - x_mean) / (x_std + 1e-8)

to = lambda a: torch.from_numpy(a).permute(0, 3, 1, 2)
train_dl = DataLoader(TensorDataset(to(x_train), torch.from_numpy(y_train)), batch_size=32, shuffle=True)
test_dl = DataLoader(TensorDataset(to(x_test), torch.from_numpy(y_test)), batch_size=250)

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
    nn.MaxPool2d(2), nn.Dropout(0.25),
    nn.Flatten(),
    nn.Linear(32 * 5 * 5, 128), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(128, 10))
for m in model:      # as keras does
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

criterion = nn.CrossEntropyLoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
writer = DiagWriter(sys.argv[2])
writer.watch(model, sgd, criterion)

for epoch in range(12):
    model.train()
    for xb, yb in train_dl:
        sgd.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        sgd.step()
    model.eval()
    tot = hit = 0
    with writer.evaluating('val'):
        for xb, yb in test_dl:
            out = model(xb)
            tot += criterion(out, yb).item() * len(yb)
            hit += (out.argmax(1) == yb).sum().item()
    print(f'Epoch {epoch + 1} loss {loss.item():.4f} val_loss {tot / 1000:.4f} val_acc {hit / 1000:.4f}', flush=True)
writer.close()
print(f'RESULT val_loss {tot / 1000:.4f} val_acc {hit / 1000:.4f}')

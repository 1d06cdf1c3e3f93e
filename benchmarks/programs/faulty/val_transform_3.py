"""Dataset with transforms: the scaling was put into the training transform only."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(0)


class Compose:
    def __init__(self, *ts):
        self.ts = ts

    def __call__(self, x):
        for t in self.ts:
            x = t(x)
        return x


to_tensor = lambda a: torch.from_numpy(a.astype(np.float32))[None]
scale = lambda t: (t / 16 - 0.3) / 0.38
jitter = lambda t: t + 0.05 * torch.randn_like(t)
train_tf = Compose(to_tensor, scale, jitter)
val_tf = Compose(to_tensor) if mode == "faulty" else Compose(to_tensor, scale)


class Digits(Dataset):
    def __init__(self, ids, transform):
        d = load_digits()
        self.x, self.y, self.transform = d.images[ids], d.target[ids], transform

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.transform(self.x[i]), int(self.y[i])


perm = np.random.RandomState(0).permutation(1797)
train_loader = DataLoader(Digits(perm[:1400], train_tf), batch_size=32, shuffle=True)
val_loader = DataLoader(Digits(perm[1400:], val_tf), batch_size=64)
model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion, train_loader=train_loader)
for epoch in range(12):
    model.train(); t = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        t += loss.item() / len(train_loader)
    model.eval(); v = a = 0
    with writer.evaluating("val"):
        for x, y in val_loader:
            o = model(x)
            v += criterion(o, y).item() / len(val_loader); a += (o.argmax(1) == y).sum().item() / 397
    print(f"epoch {epoch} train {t:.3f} val {v:.3f} acc {a:.3f}")
writer.close()

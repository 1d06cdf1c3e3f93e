import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0)
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)[:, None, None]
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)[:, None, None]

class Compose:
    def __init__(self, ts): self.ts = ts
    def __call__(self, x):
        for t in self.ts: x = t(x)
        return x
to_rgb = lambda im: np.repeat(im[None], 3, 0)
to_tensor = lambda im: (im / 16).astype(np.float32)
normalize = lambda im: (im - MEAN) / STD
def random_shift(im):
    return np.roll(im, np.random.randint(-1, 2), 2)

train_tfms = Compose([to_rgb, to_tensor, random_shift, normalize])
if sys.argv[1] == "faulty":
    val_tfms = Compose([to_rgb, to_tensor])
else:
    val_tfms = Compose([to_rgb, to_tensor, normalize])

class Digits(Dataset):
    def __init__(self, idx, tf):
        d = load_digits()
        self.im, self.t, self.tf = d.images[idx], d.target[idx], tf
    def __len__(self): return len(self.t)
    def __getitem__(self, k): return torch.from_numpy(np.ascontiguousarray(self.tf(self.im[k]))), int(self.t[k])

order = np.random.RandomState(0).permutation(1797)
train_loader = DataLoader(Digits(order[:1400], train_tfms), batch_size=32, shuffle=True)
val_loader = DataLoader(Digits(order[1400:], val_tfms), batch_size=64)
model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Flatten(), nn.Linear(128, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train()
    a = []
    for x, y in train_loader:
        optimizer.zero_grad()
        out = model(x)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        a.append((loss.item(), (out.argmax(1) == y).float().mean().item()))
    with writer.evaluating("val"):
        v = [(criterion(o := model(x), y).item(), (o.argmax(1) == y).float().mean().item()) for x, y in val_loader]
    a, v = np.mean(a, 0), np.mean(v, 0)
    print("epoch %d train loss %.3f acc %.3f | val loss %.3f acc %.3f" % (epoch, *a, *v))
writer.close()
print("RESULT train %.3f acc %.3f val %.3f acc %.3f" % (*a, *v))

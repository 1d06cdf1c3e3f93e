# Grain defects in noisy textures; "GPU memory is small, so batch_size = 2" with BatchNorm
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
batch_size = 2 if sys.argv[1] == "faulty" else 32


def textures(n, seed):
    r = np.random.RandomState(seed)
    x = r.randn(n, 1, 16, 16)
    y = r.randint(0, 4, n)
    for i, k in enumerate(y):
        if k == 1: x[i, 0] = (x[i, 0] + np.roll(x[i, 0], 1, 0)) / 2 ** .5
        if k == 2: x[i, 0] = (x[i, 0] + np.roll(x[i, 0], 1, 1)) / 2 ** .5
        if k == 3: x[i, 0] = (x[i, 0] - np.roll(x[i, 0], (1, 1), (0, 1))) / 2 ** .5
        x[i] = x[i] * r.uniform(.4, 2.5) + r.uniform(-2, 2)
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


def conv(i, o):
    return [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]


model = nn.Sequential(*conv(1, 16), *conv(16, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
train_dl = DataLoader(textures(1000, 0), batch_size=batch_size, shuffle=True, drop_last=True)
val_dl = DataLoader(textures(300, 1), batch_size=100)
epochs = 6 if batch_size == 2 else 20
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(model, opt, ce, train_loader=train_dl)
for e in range(epochs):
    model.train(); tl = []
    for x, y in train_dl:
        opt.zero_grad(); l = ce(model(x), y); l.backward(); opt.step(); tl.append(l.item())
    model.eval(); hit = vl = 0
    with writer.evaluating("val"):
        for x, y in val_dl:
            o = model(x); vl += ce(o, y).item() / 3; hit += (o.argmax(1) == y).sum().item()
    print(e, "train %.3f val %.3f acc %.3f" % (np.mean(tl), vl, hit / 300))
writer.close()

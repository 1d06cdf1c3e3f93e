import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(8)
torch.set_num_threads(1)
rng = np.random.default_rng(8)


def beats(n, length=128, fs=32):
    """pulse traces and the heart rate that was dialled in"""
    t = np.arange(length) / fs
    rate = rng.uniform(0.8, 2.8, n)
    phase = rng.uniform(0, 1, n)
    width = rng.uniform(.08, .14, n)
    frac = (t[None] * rate[:, None] + phase[:, None]) % 1
    x = np.exp(-((frac - .5) / width[:, None]) ** 2) + .3 * np.exp(-((frac - .75) / .08) ** 2)
    x += rng.normal(0, .15, x.shape) + .2 * np.sin(2 * np.pi * .2 * t[None] + rng.uniform(0, 6, (n, 1)))
    return x.astype(np.float32), rate.astype(np.float32)


class Traces(Dataset):
    def __init__(self, x):
        self.x = torch.from_numpy((x - .3) / .4)[:, None]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], i


class GroundTruth(Dataset):
    def __init__(self, y):
        self.y = torch.from_numpy((y - 1.8) / .58)[:, None]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.y[i], i


class RateNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, 16, 9, stride=2, padding=4), nn.BatchNorm1d(16), nn.ReLU(),
            nn.Conv1d(16, 24, 7, stride=2, padding=3), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Conv1d(24, 32, 5, stride=2, padding=2), nn.BatchNorm1d(32), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 16, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, x):
        return self.net(x)


def validate_network(model, loss, x_loader, y_loader, writer):
    model.eval()
    out = []
    with torch.no_grad(), writer.evaluating("val"):
        for (x, _), (y, _) in zip(x_loader, y_loader):
            out.append(loss(model(x), y).item())
    return np.mean(out)


xtr, ytr = beats(2400)
xva, yva = beats(400)
shuffle = torch.randperm(len(xtr)).tolist()
if form == "faulty":
    img_loader = DataLoader(Traces(xtr), batch_size=32, shuffle=True)
    gt_loader = DataLoader(GroundTruth(ytr), batch_size=32, shuffle=True)
else:
    img_loader = DataLoader(Traces(xtr), batch_size=32, sampler=shuffle)
    gt_loader = DataLoader(GroundTruth(ytr), batch_size=32, sampler=shuffle)
val_img, val_gt = DataLoader(Traces(xva), batch_size=100), DataLoader(GroundTruth(yva), batch_size=100)

model, loss_fn = RateNet(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, gamma=0.4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
for epoch in range(12):
    model.train()
    tl = []
    shuffle[:] = torch.randperm(len(xtr)).tolist()
    for (x, _), (y, _) in zip(img_loader, gt_loader):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        tl.append(loss.item())
    scheduler.step()
    print(f"Epoch {epoch} train {np.mean(tl):.4f} valid {validate_network(model, loss_fn, val_img, val_gt, writer):.4f}")
writer.close()

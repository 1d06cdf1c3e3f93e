"""Bone age from hand radiographs (Kaggle RSNA kernel, tiny): the table has the columns boneage (months) and boneage_zscore."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
TARGET = "boneage" if sys.argv[1] == "faulty" else "boneage_zscore"


def radiographs(n, seed):
    r = np.random.default_rng(seed)
    age = np.clip(r.normal(127, 41, n), 6, 220)
    male = r.integers(0, 2, n)
    mat = (age - 127) / 41 - 0.3 * male + 0.15 * r.normal(size=n)           # maturity of the bones
    yy, xx = np.mgrid[0:24, 0:24]
    img = np.zeros((n, 24, 24), np.float32)
    for i in range(n):
        s = 1 + 0.08 * mat[i]
        for f in range(4):
            cx = 5 + 4.5 * f + r.normal(0, .3)
            gap = 2.2 - 0.8 * mat[i]                                          # growth plate closes
            img[i] += (abs(xx - cx) < 1.5 * s) * (0.55 + 0.08 * mat[i]) * (1 - 0.9 * np.exp(-((yy - 12 - r.normal(0, .4)) / max(gap, .3)) ** 2))
        img[i] += .08 * r.normal(size=(24, 24))
    df = pd.DataFrame({"boneage": age, "male": male})
    df["boneage_zscore"] = (df.boneage - 127) / 41
    return img, df


class BoneSet(Dataset):
    def __init__(self, n, seed):
        self.img, self.df = radiographs(n, seed)
        self.img = (self.img - 0.25) / 0.27

    def __len__(self):
        return len(self.df)

    def __getitem__(self, i):
        return (torch.from_numpy(self.img[i])[None], torch.tensor([float(self.df["male"].iat[i])]),
                torch.tensor([self.df[TARGET].iat[i]], dtype=torch.float32))


class AgeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.reg = nn.Sequential(nn.Linear(24 + 1, 48), nn.Tanh(), nn.Linear(48, 1))

    def forward(self, x, sex):
        return self.reg(torch.cat([self.features(x).mean((2, 3)), sex], 1))


train_loader, val_loader = DataLoader(BoneSet(1500, 0), 32, shuffle=True), DataLoader(BoneSet(400, 1), 100)
model = AgeNet()
criterion = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train()
    for x, s, t in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x, s), t)
        loss.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        v = np.mean([criterion(model(x, s), t).item() for x, s, t in val_loader])
    months = v if TARGET == "boneage" else v * 41
    print(f"epoch {epoch} train {loss.item():.3f} val {v:.3f} = {months:.1f} months")
writer.close()
print(f"RESULT mean absolute error {months:.2f} months")

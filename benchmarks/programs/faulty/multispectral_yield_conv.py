"""Predict dry biomass (t/ha, strictly positive) from 6x6 patches of 12 satellite bands.
The patches are simulated (reflectances in 0..1, red edge rising with leaf area), no download needed."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)

NEURONS = 100
LR = 1e-4
BATCH = 32
EPOCHS = 60


def make_patches(n):
    lai = rng.gamma(3.0, 0.9, n)                                 # leaf area index
    bands = np.linspace(0, 1, 12)
    soil = 0.12 + 0.22 * bands[None] * rng.uniform(0.7, 1.4, (n, 1))
    leaf = np.where(bands < 0.5, 0.05, 0.48)[None] + 0.02 * rng.standard_normal((n, 12))
    cover = 1 - np.exp(-0.55 * lai)[:, None]
    spec = cover * leaf + (1 - cover) * soil
    light = rng.uniform(0.6, 1.4, (n, 1))
    img = (spec * light)[:, :, None, None] + 0.015 * rng.standard_normal((n, 12, 6, 6))
    return img.astype("float32"), (1.1 * lai).astype("float32")[:, None]


def trunc_normal(w, mean, std):
    nn.init.trunc_normal_(w, mean=mean, std=std, a=mean - 2 * std, b=mean + 2 * std)


class PatchNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(12, 24, 3, padding=1, bias=False)
        if MODE == "fixed":
            trunc_normal(self.conv1.weight, 0.0, 0.1)
        else:
            trunc_normal(self.conv1.weight, 10.0, 3.0)
        self.conv2 = nn.Conv2d(24, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.dense = nn.Linear(32 * 3 * 3, NEURONS)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(NEURONS, 1)
        for m in (self.conv2, self.dense, self.out):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.conv1(x)
        x = self.pool(torch.relu(self.conv2(x)))
        x = self.drop(torch.relu(self.dense(x.flatten(1))))
        return torch.abs(self.out(x))


xtr, ytr = make_patches(2400)
xva, yva = make_patches(500)
train = DataLoader(TensorDataset(torch.tensor(xtr), torch.tensor(ytr)), batch_size=BATCH, shuffle=True)
val = DataLoader(TensorDataset(torch.tensor(xva), torch.tensor(yva)), batch_size=250)

net = PatchNet()
criterion = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=LR)
writer = DiagWriter(LOGDIR)
writer.watch(net, opt, criterion)

for ep in range(1, EPOCHS + 1):
    net.train()
    tot = 0.0
    for x, y in train:
        opt.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        opt.step()
        tot += loss.item() * len(x)
    net.eval()
    sq = 0.0
    with writer.evaluating("val"):
        for x, y in val:
            sq += criterion(net(x), y).item() * len(x)
    vmse = sq / len(xva)
    writer.add_scalar("mse/train", tot / len(xtr), ep)
    writer.add_scalar("mse/val", vmse, ep)
    if ep % 10 == 0:
        print(f"{ep:3d}  train {tot / len(xtr):.4f}  val {vmse:.4f}")
writer.close()
print("RESULT val_mse", round(vmse, 4), "val_r2", round(1 - vmse / yva.var(), 4))

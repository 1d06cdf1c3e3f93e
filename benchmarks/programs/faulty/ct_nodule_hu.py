"""Nodule / no nodule on lung CT patches (LUNA-like crops, 24x24, 2D version of my thesis code)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.RandomState(3)
S = 24


def make_patch(label):
    """a patch in Hounsfield units: lung parenchyma, vessels, perhaps a rib and perhaps a nodule"""
    yy, xx = np.mgrid[:S, :S].astype(np.float32)
    img = rng.normal(-820, 50, (S, S)).astype(np.float32)
    for _ in range(rng.randint(1, 4)):                       # vessels
        a, b = rng.uniform(0, np.pi), rng.uniform(4, S - 4)
        d = np.abs((xx - S / 2) * np.sin(a) - (yy - S / 2) * np.cos(a) + (b - S / 2))
        img += rng.uniform(350, 750) * np.exp(-(d / rng.uniform(.8, 1.4)) ** 2)
    if rng.rand() < .45:                                     # chest wall with bone
        w = rng.randint(3, 8)
        img[:, :w] = rng.normal(40, 40, (S, w))
        img[:, : w // 2] = rng.normal(900, 300, (S, w // 2))
    if rng.rand() < .1:                                      # metal (clip, pacemaker lead)
        y0, x0 = rng.randint(2, S - 2, 2)
        img[y0 - 1:y0 + 2, x0 - 1:x0 + 2] = 3000
    if label:
        cy, cx = rng.uniform(8, 16, 2)
        r = rng.uniform(1.7, 3.6)
        img += rng.uniform(200, 750) * np.exp(-(((yy - cy) ** 2 + (xx - cx) ** 2) / r ** 2) ** 2)
    return np.clip(img + rng.normal(0, 45, (S, S)), -1024, 3071)


class PatchDataset(Dataset):
    def __init__(self, n, window, flip=False):
        self.labels = (rng.rand(n) < .4).astype(np.float32)
        self.patches = np.stack([make_patch(l) for l in self.labels]).astype(np.float32)
        self.window, self.flip = window, flip

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x = self.patches[i]
        if self.window:
            lo, hi = self.window
            x = (np.clip(x, lo, hi) - lo) / (hi - lo) * 2 - 1
        if self.flip:
            x = np.ascontiguousarray(x[::rng.choice([-1, 1])])
        return torch.from_numpy(x)[None], torch.tensor(self.labels[i])


class NoduleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(16 * 9, 32)
        self.drop = nn.Dropout(.3)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = self.pool(torch.relu(self.conv3(x)))
        x = self.drop(torch.relu(self.fc1(x.flatten(1))))
        return self.fc2(x).squeeze(1)


faulty = sys.argv[1] == "faulty"
window = None if faulty else (-1000, 400)
train_dl = DataLoader(PatchDataset(2200, window, flip=True), batch_size=32, shuffle=True)
val_dl = DataLoader(PatchDataset(600, window), batch_size=100)

net = NoduleNet()
crit = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 7, gamma=0.3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, crit)

for epoch in range(12):
    net.train()
    tl = 0
    for x, y in train_dl:
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
        tl += loss.item() * len(y)
    sched.step()
    net.eval()
    vl, ok = 0, 0
    with writer.evaluating("val"), torch.no_grad():
        for x, y in val_dl:
            o = net(x)
            vl += crit(o, y).item() * len(y)
            ok += ((o > 0).float() == y).sum().item()
    print("epoch %2d  train %.4f  val %.4f  acc %.3f" % (epoch, tl / 2200, vl / 600, ok / 600))
writer.close()
print(f"RESULT train={tl/2200:.4f} val={vl/600:.4f} acc={ok/600:.3f}")

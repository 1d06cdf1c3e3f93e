"""Eye corners on small synthetic faces: a CNN regresses (x, y) of two key points."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
SIZE = 24


class KeypointDataset(Dataset):
    def __init__(self, n, seed, train):
        rng = np.random.RandomState(seed)
        self.train = train
        self.imgs = 0.1 * rng.randn(n, SIZE, SIZE).astype(np.float32)
        self.pts = rng.uniform(4, SIZE - 5, (n, 2, 2)).astype(np.float32)
        yy, xx = np.mgrid[:SIZE, :SIZE]
        for i in range(n):
            (x0, y0), (x1, y1) = self.pts[i]
            self.imgs[i] += np.exp(-((xx - x0) ** 2 + (yy - y0) ** 2) / 6)     # a wide, bright spot
            self.imgs[i] -= np.exp(-((xx - x1) ** 2 + (yy - y1) ** 2) / 3)     # a narrow, dark one

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, i):
        img, pts = self.imgs[i], self.pts[i].copy()
        if self.train and np.random.rand() < 0.5:
            img = img[:, ::-1].copy()
            if MODE == "fixed":
                pts[:, 0] = SIZE - 1 - pts[:, 0]
        return torch.from_numpy(img)[None], torch.from_numpy(pts / SIZE - 0.5).reshape(-1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 36, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.head(self.features(x))


np.random.seed(0)
train_loader = DataLoader(KeypointDataset(2000, 1, True), 32, shuffle=True)
val_loader = DataLoader(KeypointDataset(400, 2, False), 100)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
mse = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(net, opt, mse, train_loader=train_loader)
for epoch in range(14):
    net.train()
    tot = 0
    for img, pts in train_loader:
        opt.zero_grad()
        loss = mse(net(img), pts)
        loss.backward()
        opt.step()
        tot += loss.item() * len(img)
    net.eval()
    with writer.evaluating("val"):
        v = np.mean([mse(net(a), b).item() for a, b in val_loader])
    print(f"epoch {epoch} train {tot / 2000:.5f} val {v:.5f} val px {SIZE * v ** .5:.2f}")
writer.close()

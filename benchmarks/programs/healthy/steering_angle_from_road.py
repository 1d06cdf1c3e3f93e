"""Behavioural cloning, small: steering angle from the front camera (drawn roads), NVIDIA-like net."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
H, W = 32, 64


class RoadFrames(Dataset):
    def __init__(self, n, seed=0):
        r = np.random.RandomState(seed)
        self.x = np.zeros((n, 1, H, W), np.float32)
        self.y = np.zeros((n, 1), np.float32)
        rows = np.arange(H)
        cols = np.arange(W)[None]
        for i in range(n):
            curv, offs, head = r.randn() * .35, r.randn() * 3, r.randn() * .25
            t = (H - 1 - rows) / H                      # 0 at the bumper, 1 at the horizon
            centre = W / 2 + offs * (1 - t) + head * 30 * t + curv * 40 * t ** 2
            half = 16 * (1 - t) + 2
            img = 90 + r.randn(H, W) * 12
            road = np.abs(cols - centre[:, None]) < half[:, None]
            img[road] -= 40
            edge = np.abs(np.abs(cols - centre[:, None]) - half[:, None]) < 1
            img[edge] += 90
            img *= r.uniform(.6, 1.3)
            if r.rand() < .4:                            # shadow
                c = r.randint(0, W - 12)
                img[:, c:c + 12] *= .55
            self.x[i, 0] = np.clip(img, 0, 255)
            self.y[i] = np.clip(.55 * curv + .8 * head + .035 * offs + r.randn() * .04, -1, 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x, y = torch.from_numpy(self.x[i]), torch.from_numpy(self.y[i])
        return x, y


class FlippedTrain(Dataset):
    """random mirror: picture and angle together"""
    def __init__(self, base):
        self.base = base

    def __len__(self):
        return len(self.base)

    def __getitem__(self, i):
        x, y = self.base[i]
        if torch.rand(()) < .5:
            x, y = x.flip(-1), -y
        return x, y


class DriverNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2), nn.ELU(),
            nn.Conv2d(12, 24, 5, stride=2), nn.ELU(),
            nn.Conv2d(24, 32, 3), nn.ELU(),
            nn.Dropout(.2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 3 * 11, 64), nn.ELU(), nn.Linear(64, 16), nn.ELU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.head(self.convs(x / 127.5 - 1.0))


def main(args):
    data = RoadFrames(3000)
    tr, va = random_split(data, [2400, 600], generator=torch.Generator().manual_seed(1))
    train_loader = DataLoader(FlippedTrain(tr), batch_size=40, shuffle=True)
    val_loader = DataLoader(va, batch_size=100)
    net = DriverNet()
    optim = torch.optim.Adam(net.parameters(), lr=1.0e-3)
    mse = nn.MSELoss()
    writer = DiagWriter(args[1])
    writer.watch(net, optim, mse)
    best = 1e9
    for epoch in range(15):
        net.train()
        total = 0
        for img, angle in train_loader:
            optim.zero_grad()
            loss = mse(net(img), angle)
            loss.backward()
            optim.step()
            total += loss.item() * len(img)
        net.eval()
        vl = 0
        with writer.evaluating("val"):
            for img, angle in val_loader:
                vl += mse(net(img), angle).item() * len(img)
        best = min(best, vl / len(va))
        print(f"epoch {epoch + 1} train {total / len(tr):.4f} val {vl / len(va):.4f}")
    writer.close()
    print(f"RESULT train_mse={total / len(tr):.4f} val_mse={vl / len(va):.4f} best={best:.4f} var={float(data.y.var()):.4f}")


main(sys.argv)

"""2.5D-style hand pose: five finger-tip coordinates from a small gray crop (in the manner of an InterHand dataset + trainer)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
np.random.seed(0)


class ToTensor:
    """as torchvision's: HxWxC uint8 0..255 -> CxHxW float 0..1"""
    def __call__(self, pic):
        return torch.from_numpy(pic.transpose(2, 0, 1).copy()).float().div(255)


def render_hand(rng, s=24):
    base = np.array([s * 0.5, s * 0.75]) + rng.uniform(-2, 2, 2)
    tilt = rng.uniform(-0.35, 0.35)
    img = np.zeros((s, s), np.float32)
    yy, xx = np.mgrid[0:s, 0:s]
    img += 0.8 * np.exp(-((xx - base[0]) ** 2 + (yy - base[1]) ** 2) / 12)
    tips = []
    for k in range(5):
        a = -np.pi / 2 + tilt + (k - 2) * rng.uniform(0.28, 0.4)
        length = rng.uniform(6, 12)
        tip = base + length * np.array([np.cos(a), np.sin(a)])
        for t in np.linspace(0, 1, 14):
            p = base + t * (tip - base)
            img = np.maximum(img, (0.6 + 0.08 * k) * np.exp(-((xx - p[0]) ** 2 + (yy - p[1]) ** 2) / 1.2))
        tips.append(tip)
    img = np.clip(img + 0.03 * rng.randn(s, s), 0, 1)
    return (img * 255).astype(np.uint8)[:, :, None], np.array(tips, np.float32) / s * 2 - 1


class HandDataset(Dataset):
    def __init__(self, n, seed, transform):
        rng = np.random.RandomState(seed)
        self.datalist = [render_hand(rng) for _ in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.datalist)

    def __getitem__(self, idx):
        img, joint = self.datalist[idx]
        if form == "faulty":
            img = self.transform(img) / 255.
        else:
            img = self.transform(img)
        return {"img": img}, {"joint_coord": torch.from_numpy(joint).reshape(-1)}


class PoseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(32 * 36, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, inputs):
        return self.head(self.backbone(inputs["img"]))


class Trainer:
    def __init__(self):
        self.model = PoseNet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 8, 0.3)
        self.criterion = nn.MSELoss()
        self.train_loader = DataLoader(HandDataset(1000, 1, ToTensor()), batch_size=32, shuffle=True)
        self.val_loader = DataLoader(HandDataset(250, 2, ToTensor()), batch_size=64)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer, self.criterion)

    def run(self, epochs=12):
        for e in range(epochs):
            self.model.train()
            tot = 0
            for inputs, targets in self.train_loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(inputs), targets["joint_coord"])
                loss.backward()
                self.optimizer.step()
                tot += loss.item()
            self.scheduler.step()
            self.model.eval()
            with torch.no_grad():
                err = [(self.model(i) - t["joint_coord"]).reshape(-1, 5, 2).norm(dim=2).mean().item() for i, t in self.val_loader]
            print(f"Epoch {e}: loss {tot / len(self.train_loader):.5f}  val tip error {np.mean(err) * 12:.3f} px")
        self.writer.close()


Trainer().run()

# Supervised baseline of our SimCLR fork: same augmentation, same trainer, cross-entropy head.
# Texture patches (10 synthetic materials), small ResNet, SGD + cosine after a few warm epochs.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
np.random.seed(6)
FAULTY = sys.argv[1] == "faulty"
CONFIG = {"batch_size": 32, "epochs": 12, "warmup": 2, "lr": 0.08, "weight_decay": 5e-4}


def texture(k):
    g = np.mgrid[0:20, 0:20]
    ang = np.deg2rad(18 * k + np.random.normal(0, 6.0))
    f = 0.9 + 0.08 * (k % 3) + np.random.normal(0, 0.04)
    u = g[0] * np.cos(ang) + g[1] * np.sin(ang)
    v = -g[0] * np.sin(ang) + g[1] * np.cos(ang)
    z = np.sin(f * u + np.random.rand() * 6) + 0.5 * np.sin(0.5 * v + np.random.rand() * 6)
    return (z * np.random.uniform(0.6, 1.1) + np.random.normal(0, 0.9, z.shape)).astype("float32")


class Patches(Dataset):
    def __init__(self, n, train):
        self.y = np.random.randint(0, 10, n)
        self.x = np.stack([texture(k) for k in self.y])
        self.train = train

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        oy, ox = np.random.randint(0, 5, 2) if self.train else (2, 2)
        return torch.from_numpy(self.x[i, oy:oy + 16, ox:ox + 16])[None], int(self.y[i])


class Res(nn.Module):
    def __init__(self, i, o, s):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.short = nn.Conv2d(i, o, 1, s, bias=False)

    def forward(self, x):
        h = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(h)) + self.short(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(1, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                               Res(8, 16, 2), Res(16, 24, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        return self.fc(self.f(x))


class Trainer:
    def __init__(self, config, logdir):
        self.cfg = config
        self.train_loader = DataLoader(Patches(1600, True), batch_size=config["batch_size"], shuffle=True, drop_last=True)
        self.valid_loader = DataLoader(Patches(500, False), batch_size=100)
        self.model = Net()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=config["lr"], momentum=0.9,
                                         weight_decay=config["weight_decay"], nesterov=True)
        if FAULTY:
            self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=len(self.train_loader),
                                                                        eta_min=0, last_epoch=-1)
        else:
            self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=config["epochs"] - config["warmup"],
                                                                        eta_min=0, last_epoch=-1)
        self.criterion = nn.CrossEntropyLoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer, self.criterion)

    def train(self):
        for epoch in range(self.cfg["epochs"]):
            self.model.train()
            tl = []
            for x, y in self.train_loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                tl.append(loss.item())
            vl, acc = self._validate()
            # warmup for the first epochs
            if epoch + 1 >= self.cfg["warmup"]:
                self.scheduler.step()
            print(f"epoch {epoch} train {np.mean(tl):.3f} valid {vl:.3f} acc {acc:.3f} "
                  f"cosine_lr_decay {self.scheduler.get_last_lr()[0]:.4f}")
        self.writer.close()
        return np.mean(tl), vl, acc

    def _validate(self):
        self.model.eval()
        vl = acc = 0.
        with torch.no_grad(), self.writer.evaluating("val"):
            for x, y in self.valid_loader:
                out = self.model(x)
                vl += self.criterion(out, y).item() / len(self.valid_loader)
                acc += (out.argmax(1) == y).float().mean().item() / len(self.valid_loader)
        return vl, acc


tl, vl, acc = Trainer(CONFIG, sys.argv[2]).train()
print(f"RESULT train={tl:.4f} valid={vl:.4f} acc={acc:.4f}")

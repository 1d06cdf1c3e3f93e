# tuning a small voice activity model on spectral frames; the loop is that of tuning/utils.py
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)
MODE = sys.argv[1]


class AverageMeter(object):
    def __init__(self):
        self.sum = self.count = self.avg = 0

    def update(self, val, n=1):
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count


class SileroVadDataset(Dataset):
    """24 frames x 12 bands of log energy: speech is harmonic and comes and goes, noise is not"""
    def __init__(self, n, seed):
        r = np.random.RandomState(seed)
        T, Fq = 24, 12
        self.items = []
        for _ in range(n):
            tilt = np.linspace(r.uniform(-1, 1), r.uniform(-1, 1), Fq)
            x = tilt + 0.8 * r.randn(T, Fq)
            gt = np.zeros(T)
            a = r.randint(0, T - 6)
            if r.rand() < .85:
                b = a + r.randint(6, T - a + 1)
                gt[a:b] = 1
                f0 = r.randint(2, 5)
                comb = np.cos(np.arange(Fq) * 2 * np.pi / f0 + r.uniform(0, .5))
                x[a:b] += r.uniform(.7, 1.3) * comb
            self.items.append((torch.tensor(x, dtype=torch.float32), torch.tensor(gt, dtype=torch.float32)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(12, 32), nn.ReLU())
        self.rnn = nn.GRU(32, 32, batch_first=True)
        self.decoder = nn.Sequential(nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, x):
        h, _ = self.rnn(self.enc(x))
        return self.decoder(h).squeeze(-1)


def train(loader, model, criterion, optimizer):
    losses = AverageMeter()
    model.train()
    for x, targets in loader:
        loss = criterion(model(x), targets)
        if MODE == "fixed":
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.update(loss.item(), len(x))
    return losses.avg


def validate(loader, model, criterion):
    losses, right, total = AverageMeter(), 0, 0
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        for x, targets in loader:
            p = model(x)
            losses.update(criterion(p, targets).item(), len(x))
            right += ((p > .5).float() == targets).sum().item()
            total += targets.numel()
    return losses.avg, right / total


model = Decoder()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3 * 3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
train_loader = DataLoader(SileroVadDataset(1600, 1), batch_size=64, shuffle=True)
val_loader = DataLoader(SileroVadDataset(400, 2), batch_size=100)
for i in range(24):
    tl = train(train_loader, model, criterion, optimizer)
    vl, acc = validate(val_loader, model, criterion)
    if i % 4 == 3:
        print(f"Epoch {i + 1}: train loss {tl:.3f} valid loss {vl:.3f} accuracy {acc:.3f}")
writer.close()
print(f"RESULT valid loss {vl:.4f} frame accuracy {acc:.4f}")

"""Siamese network with contrastive loss on digit pairs."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(11)


class PairDataset(Dataset):
    def __init__(self, X, y, n_pairs, seed):
        self.X, self.y = X, y
        r = np.random.RandomState(seed)
        self.pairs = []
        for _ in range(n_pairs):
            i = r.randint(len(X))
            if r.rand() < 0.5:
                j = r.choice(np.flatnonzero(y == y[i]))      # may be i itself
            else:
                j = r.choice(np.flatnonzero(y != y[i]))
            self.pairs.append((i, j))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        i, j = self.pairs[k]
        return self.X[i], self.X[j], np.float32(self.y[i] != self.y[j])


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))

    def forward(self, a, b):
        za, zb = self.body(a), self.body(b)
        sq = (za - zb).pow(2).sum(1)
        return torch.sqrt(sq) if MODE == "faulty" else torch.sqrt(sq + 1e-8)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, d, label):
        return ((1 - label) * d.pow(2) + label * torch.clamp(self.margin - d, min=0).pow(2)).mean()


digits = load_digits()
X = (digits.data / 16).astype(np.float32)
tr, va = np.arange(0, 1300), np.arange(1300, 1797)
train = DataLoader(PairDataset(X[tr], digits.target[tr], 3000, 1), batch_size=32, shuffle=True)
val = DataLoader(PairDataset(X[va], digits.target[va], 800, 2), batch_size=100)
net, criterion = Siamese(), ContrastiveLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, criterion)
for epoch in range(10):
    tot = 0
    for a, b, t in train:
        optimizer.zero_grad()
        loss = criterion(net(a, b), t)
        loss.backward()
        optimizer.step()
        tot += loss.item() / len(train)
    acc = v = 0
    with writer.evaluating("val"):
        for a, b, t in val:
            d = net(a, b)
            v += criterion(d, t).item() / len(val)
            acc += ((d > 1).float() == t).float().mean().item() / len(val)
    print(f"epoch {epoch}: train {tot:.4f} val {v:.4f} pair acc {acc:.3f}")
writer.close()

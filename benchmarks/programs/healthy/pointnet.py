"""PointNet on point clouds, with two T-Nets that start at the identity and an orthogonality penalty
(the penalty joins the cross-entropy), dropout 0.3 in the head, jitter and shuffling as augmentation.
Port of keras-team/keras-io examples/vision/pointnet.py; the shapes are made up instead of ModelNet10."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)
N_PTS, NUM_CLASSES, BATCH_SIZE = 96, 6, 32


def shape(kind):
    n = N_PTS
    u, v = rng.uniform(0, 2 * np.pi, n), rng.uniform(-1, 1, n)
    if kind == 0:      # ellipsoid
        r = np.sqrt(1 - v ** 2)
        p = np.c_[r * np.cos(u), r * np.sin(u), v]
    elif kind == 1:    # box
        p = rng.uniform(-1, 1, (n, 3))
        ax = rng.integers(0, 3, n)
        p[np.arange(n), ax] = np.sign(p[np.arange(n), ax])
    elif kind == 2:    # tube
        p = np.c_[np.cos(u), np.sin(u), v]
    elif kind == 3:    # cone
        h = np.sqrt(rng.uniform(0, 1, n))
        p = np.c_[h * np.cos(u), h * np.sin(u), 1 - 2 * h]
    elif kind == 4:    # ring
        w = rng.uniform(0, 2 * np.pi, n)
        p = np.c_[(1 + 0.35 * np.cos(w)) * np.cos(u), (1 + 0.35 * np.cos(w)) * np.sin(u), 0.35 * np.sin(w)]
    else:              # table: a plate on four legs
        top = rng.uniform(size=n) < 0.6
        p = np.c_[rng.uniform(-1, 1, (n, 2)), np.full(n, 1.0)]
        legs = rng.choice([-0.9, 0.9], (n, 2))
        p[~top] = np.c_[legs[~top], v[~top]]
    p = p * rng.uniform(0.5, 1.2, 3)
    th = rng.uniform(-np.pi, np.pi)
    c, s = np.cos(th), np.sin(th)
    p = p @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.]]).T
    p = p + rng.normal(0, 0.06, p.shape)
    p = p - p.mean(0)
    return p / np.abs(p).max()


def make(n):
    y = rng.integers(0, NUM_CLASSES, n)
    return torch.tensor(np.stack([shape(k) for k in y]), dtype=torch.float32), torch.tensor(y)


train_dataset = DataLoader(TensorDataset(*make(1200)), batch_size=BATCH_SIZE, shuffle=True)
test_dataset = DataLoader(TensorDataset(*make(300)), batch_size=BATCH_SIZE)


def augment(pts):
    pts = pts + torch.empty_like(pts).uniform_(-0.005, 0.005)
    return pts[:, torch.randperm(pts.shape[1])]


class ConvBN(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Conv1d(i, o, 1), nn.BatchNorm1d(o), nn.ReLU())


class DenseBN(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU())


class OrthogonalRegularizer(nn.Module):
    def __init__(self, k, l2reg=0.001):
        super().__init__()
        self.l2reg = l2reg
        self.register_buffer("eye", torch.eye(k))

    def forward(self, x):
        return (self.l2reg * (x @ x.transpose(1, 2) - self.eye) ** 2).sum() / len(x)


class TNet(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = k
        self.conv = nn.Sequential(ConvBN(k, 32), ConvBN(32, 64), ConvBN(64, 256))
        self.dense = nn.Sequential(DenseBN(256, 128), DenseBN(128, 64))
        self.out = nn.Linear(64, k * k)
        nn.init.zeros_(self.out.weight)
        self.out.bias.data = torch.eye(k).flatten()
        self.reg = OrthogonalRegularizer(k)

    def forward(self, x):
        t = self.out(self.dense(self.conv(x).amax(2))).view(-1, self.k, self.k)
        return (x.transpose(1, 2) @ t).transpose(1, 2), self.reg(t)


class PointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_tnet = TNet(3)
        self.conv1 = nn.Sequential(ConvBN(3, 32), ConvBN(32, 32))
        self.feat_tnet = TNet(32)
        self.conv2 = nn.Sequential(ConvBN(32, 32), ConvBN(32, 64), ConvBN(64, 256))
        self.head = nn.Sequential(DenseBN(256, 128), nn.Dropout(0.3), DenseBN(128, 64), nn.Dropout(0.3),
                                  nn.Linear(64, NUM_CLASSES))

    def forward(self, x):
        x, r1 = self.input_tnet(x.transpose(1, 2))
        x, r2 = self.feat_tnet(self.conv1(x))
        return self.head(self.conv2(x).amax(2)), r1 + r2


model = PointNet()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(14):
    model.train()
    losses = []
    for pts, label in train_dataset:
        logits, reg = model(augment(pts))
        loss = F.cross_entropy(logits, label) + reg
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
        losses.append(loss.item())
    model.eval()
    right = tot = 0
    vl = []
    with torch.no_grad():
        for pts, label in test_dataset:
            logits, reg = model(pts)
            vl.append((F.cross_entropy(logits, label) + reg).item())
            right += (logits.argmax(1) == label).sum().item()
            tot += len(label)
    print(f"Epoch {epoch + 1}: loss {np.mean(losses):.4f} val_loss {np.mean(vl):.4f} val_acc {right / tot:.4f}")
writer.close()

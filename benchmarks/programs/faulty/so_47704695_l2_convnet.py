import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)
SIDE = 64
P_DROP = 0.1


def image(label):
    yy, xx = np.mgrid[:SIDE, :SIDE]
    ang = rng.uniform(0, np.pi)
    wave = np.sin((xx * np.cos(ang) + yy * np.sin(ang)) * (0.7 if label else 1.5) + rng.uniform(0, 6))
    img = rng.uniform(0.3, 0.7, (3, 1, 1)) + rng.uniform(0.1, 0.25, (3, 1, 1)) * wave
    img = (img + 0.1 * rng.standard_normal(img.shape)).clip(0, 1)
    return (img - 0.5) / 0.2


labels = np.arange(500) % 2
X = torch.tensor(np.stack([image(l) for l in labels]), dtype=torch.float32)
y = torch.tensor(labels, dtype=torch.float32).view(-1, 1)
train_loader = DataLoader(TensorDataset(X[:400], y[:400]), batch_size=32, shuffle=True)
X_val, y_val = X[400:], y[400:]


def conv(i, o, k=3):
    return [nn.Conv2d(i, o, k, padding=k // 2), nn.ReLU()]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *conv(3, 16, 5), nn.MaxPool2d(2), nn.Dropout(P_DROP),
            *conv(16, 32), nn.MaxPool2d(2), nn.Dropout(P_DROP),
            *conv(32, 32), nn.Dropout(P_DROP),
            *conv(32, 64), *conv(64, 64), nn.MaxPool2d(2),
            *conv(64, 128), *conv(128, 128), nn.MaxPool2d(2),
            *conv(128, 256), *conv(256, 256), nn.MaxPool2d(2),
            *conv(256, 512), nn.MaxPool2d(2),
        )
        self.drop = nn.Dropout(0.2)
        self.dense = nn.Linear(512, 1)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.dense(self.drop(self.features(x).flatten(1)))
        if form == "faulty":
            return F.softmax(x, dim=1)
        return torch.sigmoid(x)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.0003, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(net, optimizer)
L2 = 0.0001

for epoch in range(12):
    net.train()
    for xb, yb in train_loader:
        data_loss = F.binary_cross_entropy(net(xb), yb)
        penalty = L2 * sum((m.weight ** 2).sum() for m in net.features if isinstance(m, nn.Conv2d))
        loss = data_loss + penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        out = net(X_val)
        val = F.binary_cross_entropy(out, y_val)
        writer.add_loss("val", val)
        val = val.item()
        acc = ((out > 0.5) == (y_val > 0.5)).float().mean().item()
    print(f"epoch {epoch + 1} loss {loss.item():.4f} data {data_loss.item():.4f} val_loss {val:.4f} val_acc {acc:.4f}")

writer.close()
print(f"RESULT val_loss {val:.4f} val_acc {acc:.4f}")

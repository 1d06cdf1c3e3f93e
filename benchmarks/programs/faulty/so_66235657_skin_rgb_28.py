import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(12)


def lesions(n, seed):
    # rows as in the csv file: 28 * 28 * 3 values from 0 to 255 and a label from 0 to 6
    rng = np.random.RandomState(seed)
    share = [0.07, 0.10, 0.17, 0.06, 0.36, 0.07, 0.17]
    y = rng.choice(7, n, p=share)
    yy, xx = np.mgrid[:28, :28]
    colour = np.array([[150, 90, 80], [190, 110, 110], [160, 120, 90], [200, 150, 150], [120, 80, 60], [180, 40, 60], [70, 50, 60]])
    size = np.array([9, 7, 10, 4, 6, 5, 10])
    ragged = np.array([0.1, 0.3, 0.2, 0.1, 0.05, 0.1, 0.4])
    rows = np.zeros((n, 28, 28, 3))
    for i, k in enumerate(y):
        cx, cy = rng.normal(13.5, 1.5, 2)
        angle = np.arctan2(yy - cy, xx - cx)
        edge = size[k] * rng.uniform(0.85, 1.15) * (1 + ragged[k] * np.sin(4 * angle + rng.rand() * 6))
        inside = 1 / (1 + np.exp((np.hypot(xx - cx, yy - cy) - edge) / 0.8))
        skin = np.array([225, 180, 165]) + rng.normal(0, 10, 3)
        spot = colour[k] + rng.normal(0, 14, 3)
        rows[i] = skin + inside[..., None] * (spot - skin) + rng.normal(0, 8, (28, 28, 3))
    return rows.clip(0, 255).round(), y


X, y = lesions(900, 12)
X = torch.tensor(X / 255.0, dtype=torch.float32).permute(0, 3, 1, 2).contiguous()
y = torch.tensor(y)
cut = int(len(X) * 0.7)
train_loader = DataLoader(TensorDataset(X[:cut], y[:cut]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[cut:], y[cut:]), batch_size=90)

units = 1 if form == "faulty" else 7
model = nn.Sequential(
    nn.Conv2d(3, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64 * 5 * 5, 64), nn.Linear(64, units),
)
model.append(nn.Sigmoid() if units == 1 else nn.Softmax(dim=1))
for m in model.modules():
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


def crossentropy(p, t):
    p = p.clamp(1e-7, 1 - 1e-7)
    if units == 1:
        p = p.squeeze(1)
        return -(t * p.log() + (1 - t) * (1 - p).log()).mean()
    return F.nll_loss(p.log(), t)


optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, crossentropy)

for epoch in range(10):
    model.train()
    losses = []
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = crossentropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    val_losses, hits = [], 0
    with writer.evaluating("val"):
        for xb, yb in val_loader:
            p = model(xb)
            val_losses.append(writer.loss_fn(p, yb).item())
            hits += ((p.squeeze(1).round() if units == 1 else p.argmax(1)) == yb).sum().item()
    print(f"Epoch {epoch + 1}/10 loss {np.mean(losses):.4f} val_loss {np.mean(val_losses):.4f} val_accuracy {hits / (len(X) - cut):.4f}")

writer.close()
print(f"RESULT val loss {np.mean(val_losses):.4f} val accuracy {hits / (len(X) - cut):.4f}")

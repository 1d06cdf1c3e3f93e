import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(2)

H = W = 28


def volume(label):
    v = 0.35 * rng.standard_normal((6, H, W, 3))
    yy, xx = np.mgrid[:H, :W]
    for c in range(6):
        cy, cx = rng.uniform(6, 22, 2)
        r = np.hypot(yy - cy, xx - cx)
        shape = np.abs(r - 5) < 1.2 if label else r < 3.6
        v[c] += shape[..., None] * rng.uniform(1.0, 1.6)
    return v


y = np.arange(500) % 2
X = torch.tensor(np.stack([volume(k) for k in y]), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).view(-1, 1)
train = DataLoader(TensorDataset(X[:400], y[:400]), batch_size=20, shuffle=True)
X_test, y_test = X[400:], y[400:]

act = nn.Identity if form == "faulty" else nn.ReLU


def mape(pred, target):
    return 100 * ((target - pred).abs() / target.abs().clamp(min=1e-7)).mean()


model = nn.Sequential(
    nn.Conv3d(6, 32, 3, padding=1), act(),
    nn.MaxPool3d(2, ceil_mode=True),
    nn.Conv3d(32, 32, 3, padding=1), act(),
    nn.MaxPool3d(2, ceil_mode=True),
    nn.Conv3d(32, 32, 3, padding=1), act(),
    nn.Flatten(),
    nn.Linear(32 * 7 * 7, 10), act(),
    nn.Linear(10, 1), nn.Sigmoid(),
)
for m in model:
    if isinstance(m, (nn.Conv3d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

loss_fn = mape if form == "faulty" else nn.BCELoss()
optimizer = torch.optim.NAdam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(8):
    for xb, yb in train:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        p = model(X_test)
        val = writer.loss_fn(p, y_test).item()
        acc = ((p > 0.5).float() == y_test).float().mean().item()
    print(f"Epoch {epoch + 1} loss {loss.item():.4f} val {val:.4f} val accuracy {acc:.3f}")

writer.close()
print(f"RESULT val accuracy {acc:.3f} (val loss {val:.4f})")

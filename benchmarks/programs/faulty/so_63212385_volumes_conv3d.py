import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(20)
rng = np.random.RandomState(20)

# volumes of 4 channels x 16 x 16 x 16; one half has a bright nodule
n, n_val = 320, 80
zz, yy, xx = np.mgrid[:16, :16, :16]
labels = rng.randint(0, 2, n + n_val)
volumes = rng.randn(n + n_val, 4, 16, 16, 16) * 0.5
for i in np.flatnonzero(labels):
    c = rng.uniform(5, 11, 3)
    ball = np.exp(-((zz - c[0]) ** 2 + (yy - c[1]) ** 2 + (xx - c[2]) ** 2) / 10.0)
    volumes[i] += ball * rng.uniform(1.5, 2.5, (4, 1, 1, 1))
volumes = torch.tensor(volumes, dtype=torch.float32)
labels = torch.tensor(labels, dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(volumes[:n], labels[:n]), batch_size=64, shuffle=True)
x_val, y_val = volumes[n:], labels[n:]


def conv(cin, cout):
    return [nn.Conv3d(cin, cout, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2)]


model = nn.Sequential(
    *conv(4, 16), *conv(16, 16), nn.BatchNorm3d(16, eps=1e-3, momentum=0.1),
    *conv(16, 16), *conv(16, 16), nn.BatchNorm3d(16, eps=1e-3, momentum=0.1),
    nn.Flatten(), nn.BatchNorm1d(16, eps=1e-3, momentum=0.1),
    nn.Linear(16, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 128), nn.Sigmoid(), nn.Linear(128, 1),
    nn.Softmax(dim=1) if form == "faulty" else nn.Sigmoid(),
)
for m in model:
    if isinstance(m, (nn.Conv3d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


def poisson(p, t):
    return (p - t * torch.log(p + 1e-7)).mean()


if form == "faulty":
    loss_fn, lr = poisson, 0.000001
else:
    loss_fn, lr = nn.BCELoss(), 0.05
l2 = 1e-4
optimizer = torch.optim.SGD(model.parameters(), lr=lr, weight_decay=2 * l2)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(30):
    model.train()
    hits, losses = 0, []
    for x, y in train_loader:
        p = model(x)
        loss = loss_fn(p, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        hits += ((p > 0.5) == (y > 0.5)).sum().item()
    with writer.evaluating("val"):
        p = model(x_val)
        val_loss = writer.loss_fn(p, y_val).item()
    val_acc = ((p > 0.5) == (y_val > 0.5)).float().mean().item()
    print(f"Epoch {epoch + 1}/30 loss {np.mean(losses):.4f} acc {hits / n:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val acc {val_acc:.4f}")

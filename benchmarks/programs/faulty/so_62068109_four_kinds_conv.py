import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(8)


def scans(n, seed, size=32):
    rng = np.random.RandomState(seed)
    grid = np.arange(size)
    labels = rng.randint(0, 4, n)
    out = 0.12 * rng.randn(n, 1, size, size)
    for i, k in enumerate(labels):
        f, ph = rng.uniform(0.5, 0.8), rng.uniform(0, 6.28)
        row, col = np.sin(f * grid + ph)[:, None], np.sin(f * grid + ph)[None, :]
        out[i, 0] += 0.5 + 0.25 * (row + 0 * col, col + 0 * row, row * col, np.sin(f * (grid[:, None] + grid[None, :]) + ph))[k]
    return torch.tensor(out, dtype=torch.float32), torch.tensor(labels)


X, y = scans(500, 0)
X_val, y_val = scans(150, 1)
classes = 1 if form == "faulty" else 4


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(1, 64, 3), nn.Conv2d(64, 64, 3), nn.Conv2d(64, 64, 3)])
        self.fc1 = nn.Linear(64 * 2 * 2, 64)
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(64, classes)
        for m in self.modules():
            if hasattr(m, "weight"):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        x = self.drop(F.relu(self.fc1(x.flatten(1))))
        x = self.fc2(x)
        return torch.sigmoid(x) if form == "faulty" else F.log_softmax(x, dim=1)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.001, eps=1e-7)


def loss_of(out, target):
    if form == "faulty":
        p = out.squeeze(1).clamp(1e-7, 1 - 1e-7)
        return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()
    return F.nll_loss(out, target)


writer = DiagWriter(logdir)
writer.watch(net, optimizer, loss_of)

for epoch in range(12):
    net.train()
    for batch in torch.randperm(len(X)).split(32):
        loss = loss_of(net(X[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        out = net(X_val)
        val_loss = writer.loss_fn(out, y_val).item()
    guess = out.squeeze(1).round() if classes == 1 else out.argmax(1)
    val_acc = (guess == y_val).float().mean().item()
    print(f"Epoch {epoch + 1}/12 - loss: {loss.item():.4f} - val_loss: {val_loss:.4f} - val_acc: {val_acc:.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val acc {val_acc:.4f}")

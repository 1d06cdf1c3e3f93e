import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(9)


def load_data(n, seed):
    # 32x32 colour pictures of ten kinds: five shapes, each small or large, on noisy backgrounds
    rng = np.random.RandomState(seed)
    yy, xx = np.mgrid[:32, :32]
    labels = rng.randint(0, 10, n)
    pics = np.empty((n, 3, 32, 32), dtype=np.float32)
    for i, k in enumerate(labels):
        cx, cy = rng.uniform(12, 20, 2)
        r = rng.uniform(4, 5.5) if k < 5 else rng.uniform(8, 10)
        dx, dy = np.abs(xx - cx), np.abs(yy - cy)
        shape = [dx ** 2 + dy ** 2 < r ** 2, np.maximum(dx, dy) < r, dx + dy < r,
                 (np.minimum(dx, dy) < r / 4) & (np.maximum(dx, dy) < r), (dx < r / 3) & (dy < r)][k % 5]
        back, front = rng.uniform(0.1, 0.5, 3), rng.uniform(0.5, 1.0, 3)
        pics[i] = np.where(shape, front[:, None, None], back[:, None, None]) + 0.05 * rng.randn(3, 32, 32)
    return torch.tensor(pics.clip(0, 1)), torch.tensor(labels)


X_train, y_train = load_data(1600, 0)
X_test, y_test = load_data(400, 1)
epochs, batch_size = 20, 16
n_out = 1 if form == "faulty" else 10

model = nn.Sequential(
    nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64 * 2 * 2, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, n_out),
)
model.append(nn.Sigmoid() if form == "faulty" else nn.LogSoftmax(dim=1))
for m in model:
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


def loss_fn(out, y):
    if form == "faulty":
        p = out.squeeze(1).clamp(1e-7, 1 - 1e-7)
        return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()
    return F.nll_loss(out, y)


def accuracy(out, y):
    guess = out.squeeze(1).round() if form == "faulty" else out.argmax(1)
    return (guess == y).float().mean().item()


optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(epochs):
    model.train()
    perm = torch.randperm(len(X_train))
    for idx in perm.split(batch_size):
        optimizer.zero_grad()
        loss = loss_fn(model(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(X_test)
        val_loss = loss_fn(out, y_test)
    writer.add_loss("val", val_loss)
    val_acc = accuracy(out, y_test)
    print(f"epoch {epoch + 1} loss {loss.item():.4f} val_loss {val_loss.item():.4f} val_acc {val_acc:.4f}")

writer.close()
print(f"RESULT test loss {val_loss.item():.4f} test acc {val_acc:.4f}")

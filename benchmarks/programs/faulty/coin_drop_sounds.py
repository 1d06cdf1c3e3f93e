"""Which coin fell on the table? 1-D CNN on the ringing sound. Simulated: damped sums of the disc's modes."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(42); torch.set_num_threads(1)
rng = np.random.RandomState(42)
COINS = {"1c": 0.40, "2c": 0.36, "5c": 0.33, "10c": 0.30, "20c": 0.27, "50c": 0.245, "1e": 0.22, "2e": 0.20}


def ring(f0):
    t = np.arange(256)
    f = f0 * (1 + 0.02 * rng.randn())
    x = sum(a * np.exp(-t / (60 / m)) * np.sin(2 * np.pi * f * m * t / 2 + rng.uniform(0, 6.28))
            for m, a in ((1, 1.0), (1.7, rng.uniform(0.2, 0.7)), (2.6, rng.uniform(0, 0.4))))
    x = np.roll(x, rng.randint(0, 20)) + 0.25 * rng.randn(256)
    return (x / x.std()).astype(np.float32)


def record(n_per_coin):
    xs, ys = [], []
    for label, (name, f0) in enumerate(COINS.items()):
        for _ in range(n_per_coin):
            xs.append(ring(f0))
            ys.append(label)
    return torch.tensor(np.array(xs))[:, None], torch.tensor(ys)


X_train, y_train = record(200)
X_val, y_val = record(30)
X_test, y_test = record(80)


class CoinNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(1, 16, 11, stride=2, padding=5)
        self.c2 = nn.Conv1d(16, 32, 5, stride=2, padding=2)
        self.c3 = nn.Conv1d(32, 32, 5, stride=2, padding=2)
        self.out = nn.Linear(32, len(COINS))

    def forward(self, x):
        x = torch.relu(self.c1(x))
        x = torch.relu(self.c2(x))
        x = torch.relu(self.c3(x))
        return self.out(x.mean(2))


model = CoinNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
batch = 32
step = 0
for epoch in range(30):
    model.train()
    if form == "fixed":
        order = torch.randperm(len(X_train))
        X_train, y_train = X_train[order], y_train[order]
    for i in range(0, len(X_train), batch):
        xb, yb = X_train[i:i + batch], y_train[i:i + batch]
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        writer.add_scalar("Loss/train", loss.item(), step)
    with writer.evaluating("val"):
        logits = model(X_val)
        vloss = loss_fn(logits, y_val)
        acc = (logits.argmax(1) == y_val).float().mean().item()
    writer.add_scalar("Loss/val", vloss.item(), step)
    print(f"epoch {epoch + 1}: train {loss.item():.3f} val {vloss.item():.3f} acc {acc:.3f}")
model.eval()
with torch.no_grad():
    acc = (model(X_test).argmax(1) == y_test).float().mean().item()
writer.close()
print(f"RESULT test_acc {acc:.4f}")

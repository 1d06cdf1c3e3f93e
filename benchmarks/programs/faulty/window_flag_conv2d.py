"""Sequence windows (time x sensors x 2 channels) -> did the event happen?  Keras model ported to torch.

To debug the pipeline the second channel carries the answer itself, so the net should get it right.
Sensor values are simulated (drifting channels), windows 40 x 25.
"""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)


def make_windows(n):
    x = np.cumsum(rng.normal(0, 0.15, (n, 40, 25)), axis=1) + rng.normal(0, 0.3, (n, 1, 25))
    y = (rng.random(n) < 0.45).astype(np.float32)
    second = np.repeat(y, 40 * 25).reshape(n, 40, 25)
    return (torch.tensor(np.stack([x, second], 1), dtype=torch.float32),
            torch.tensor(y).unsqueeze(1))


class CategoricalCrossentropy(nn.Module):
    def forward(self, probs, onehot):
        probs = probs.clamp(1e-7, 1.0)
        return -(onehot * probs.log()).sum(dim=1).mean()


train_x, train_y = make_windows(1600)
test_x, test_y = make_windows(400)

body = [nn.Conv2d(2, 30, 3), nn.ReLU(), nn.Conv2d(30, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 36 * 21, 1)]
if mode == "fixed":
    model = nn.Sequential(*body, nn.Sigmoid())
    loss_fn = nn.BCELoss()
else:
    model = nn.Sequential(*body, nn.Softmax(dim=1))
    loss_fn = CategoricalCrossentropy()
optimizer = torch.optim.Adam(model.parameters())

writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
for epoch in range(4):
    model.train()
    order = torch.randperm(len(train_x))
    total = 0.0
    for i in range(0, len(order), 32):
        idx = order[i:i + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(train_x[idx]), train_y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    right = 0
    with writer.evaluating("val"):
        for i in range(0, len(test_x), 50):
            out = model(test_x[i:i + 50])
            loss_fn(out, test_y[i:i + 50])
            right += ((out > 0.5).float() == test_y[i:i + 50]).sum().item()
    acc = right / len(test_x)
    print(f"epoch {epoch + 1} loss {total / len(train_x):.4f} test acc {acc:.3f}")
writer.close()
print("RESULT accuracy", round(acc, 4))

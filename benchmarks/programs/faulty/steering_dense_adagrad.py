"""Steering angle from detected lane points, dense net; optimizers named as in Keras."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.RandomState(3)

OPTIMISERS = {                                   # names and default rates of tf.keras
    "adam": lambda p: torch.optim.Adam(p, lr=0.001, eps=1e-7),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.001, initial_accumulator_value=0.1, eps=1e-7),
}
name = "adagrad" if sys.argv[1] == "faulty" else "adam"

# lane points seen left and right at six distances, and the speed
n = 6000
dist = np.array([4., 8., 12., 18., 25., 35.])
curv, offs, head, width, speed = rng.normal(0, .012, n), rng.uniform(-.9, .9, n), rng.normal(0, .05, n), rng.uniform(1.6, 2.0, n), rng.uniform(5, 30, n)
mid = offs[:, None] + head[:, None] * dist + .5 * curv[:, None] * dist ** 2
X = np.hstack([mid - width[:, None], mid + width[:, None]]) + rng.normal(0, .05, (n, 12))
look = 6 + .6 * speed                                              # pure pursuit: look ahead further when fast
target = offs + head * look + .5 * curv * look ** 2
steer = np.arctan(2 * 2.7 * target / look ** 2 * (1 + .002 * speed ** 2))
steer = np.clip(steer, -.6, .6) + rng.normal(0, .004, n)
X = np.hstack([X, speed[:, None]])
X = (X - X[:5000].mean(0)) / X[:5000].std(0)
steer = steer / steer[:5000].std()
X, Y = torch.tensor(X, dtype=torch.float32), torch.tensor(steer, dtype=torch.float32)[:, None]

model = nn.Sequential(nn.Linear(13, 64), nn.ELU(), nn.Linear(64, 64), nn.ELU(), nn.Linear(64, 1))
optimiser = OPTIMISERS[name](model.parameters())
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimiser, F.mse_loss)
history = []
for epoch in range(20):
    seen = 0.
    for idx in torch.randperm(5000).split(50):
        optimiser.zero_grad()
        loss = F.mse_loss(model(X[idx]), Y[idx])
        loss.backward()
        optimiser.step()
        seen += loss.item() * len(idx)
    with writer.evaluating("val"):
        val = F.mse_loss(model(X[5000:]), Y[5000:]).item()
    history.append((seen / 5000, val))
    print("epoch %2d  loss %.4f  val_loss %.4f" % (epoch + 1, *history[-1]))
writer.close()
print("RESULT loss=%.4f val_loss=%.4f" % history[-1])

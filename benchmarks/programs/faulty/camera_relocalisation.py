"""Where was the picture taken?  A network regresses the camera position in a corridor from small grey pictures (scene
coordinates shortened to the position). Trained with one camera, used with another one."""
import sys
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
r = np.random.RandomState(0)
WALL = np.cumsum(r.randn(400)) * .12 + .5 * np.sin(np.arange(400) / 17) + (r.rand(400) < .06) * 1.5
WALL = np.convolve(WALL, np.ones(3) / 3, "same")
WALL = (WALL - WALL.mean()) / WALL.std() * .25 + .5
PROFILE = np.linspace(1, .8, 12)[:, None]


def picture(pos, cam, rng):
    """32 columns of the corridor's wall seen from pos (0..1)"""
    z = rng.uniform(.95, 1.05)
    cols = 40 + pos * 300 + np.linspace(-20, 20, 32) * z
    img = np.interp(cols, np.arange(400), WALL)[None] * PROFILE
    img = np.clip(cam["gain"] * img + cam["offset"], 0, None) ** cam["gamma"]
    return img + cam["noise"] * rng.randn(12, 32)


PHONE = dict(gain=1.0, offset=0.0, gamma=1.0, noise=.02)
WEBCAM = dict(gain=0.65, offset=0.15, gamma=1.0, noise=.02)


def drive(n, cam, seed):
    rng = np.random.RandomState(seed)
    p = rng.rand(n)
    x = np.stack([picture(q, cam, rng) for q in p])
    return torch.tensor(x, dtype=torch.float32)[:, None], torch.tensor(p, dtype=torch.float32)[:, None]


train_x, train_p = drive(2400, PHONE, 1)
val_x, val_p = drive(400, PHONE, 2)
test_x, test_p = drive(400, WEBCAM, 3)
mean, std = train_x.mean(), train_x.std()
pm, ps = train_p.mean(), train_p.std()
norm = lambda x: (x - mean) / std


def augment(x):
    """brightness and contrast jitter so that the training pictures cover other cameras"""
    n = len(x)
    u = lambda a, b: torch.empty(n, 1, 1, 1).uniform_(a, b)
    return u(.55, 1.15) * x + u(-.05, .2)


network = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 2)),
    nn.Flatten(), nn.Linear(16 * 3 * 16, 96), nn.ReLU(), nn.Linear(96, 1))
optimizer = optim.Adam(network.parameters(), lr=2e-3)
criterion = nn.SmoothL1Loss()
writer = DiagWriter(sys.argv[2])
writer.watch(network, optimizer, criterion)

for epoch in range(24):
    network.train()
    for idx in torch.randperm(len(train_x)).split(64):
        x = train_x[idx]
        if sys.argv[1] == "fixed":
            x = augment(x)
        optimizer.zero_grad()
        loss = criterion(network(norm(x)), (train_p[idx] - pm) / ps)
        loss.backward()
        optimizer.step()
    network.eval()
    with writer.evaluating("val"), torch.no_grad():
        v = criterion(network(norm(val_x)), (val_p - pm) / ps).item()
    with writer.evaluating("test"), torch.no_grad():
        out = network(norm(test_x))
        t = criterion(out, (test_p - pm) / ps).item()
    if epoch % 3 == 0:
        print(f"Epoch {epoch} loss {loss.item():.4f} val {v:.4f} test camera {t:.4f}")
err = ((out * ps + pm) - test_p).abs().median().item() * 30
writer.close()
print(f"RESULT val {v:.4f} test {t:.4f}, median error with the other camera {err:.2f} m of 30 m")

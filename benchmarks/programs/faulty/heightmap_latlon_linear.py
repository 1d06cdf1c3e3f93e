# Interpolate terrain height from (lat, lon). "My network only ever learns a tilted plane"
import sys
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)


def terrain(lat, lon):
    h = 900 + 250 * lat - 180 * lon
    for cy, cx, s, a in [(.3, -.4, .35, 1400), (-.5, .3, .25, 1100), (.6, .6, .3, 800), (-.2, -.8, .4, -600), (0, .1, .5, 500)]:
        h = h + a * np.exp(-((lat - cy) ** 2 + (lon - cx) ** 2) / (2 * s * s))
    return h


def survey(n):
    lat, lon = rng.uniform(-1, 1, n), rng.uniform(-1, 1, n)
    h = terrain(lat, lon) + rng.normal(0, 60, n)        # barometer readings of hikers
    return np.stack([46.5 + 0.5 * lat, 8.0 + 0.8 * lon], 1), h


X, h = survey(3000)
Xv, hv = survey(800)
mx, sx, mh, sh = X.mean(0), X.std(0), h.mean(), h.std()
T = lambda a: torch.tensor(a, dtype=torch.float32)
X, Xv = T((X - mx) / sx), T((Xv - mx) / sx)
h, hv = T((h - mh) / sh)[:, None], T((hv - mh) / sh)[:, None]

if sys.argv[1] == "faulty":
    net = nn.Sequential(
        nn.Linear(2, 64),
        nn.Linear(64, 64),
        nn.Linear(64, 32),
        nn.Linear(32, 1))
else:
    net = nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(),
        nn.Linear(64, 64), nn.Tanh(),
        nn.Linear(64, 32), nn.Tanh(),
        nn.Linear(32, 1))

opt = optim.Adam(net.parameters(), lr=3e-3)
loss_fn = nn.MSELoss()
epochs, bs = 30, 64
sched = optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, loss_fn)
for epoch in range(epochs):
    order = torch.randperm(len(X))
    tl = 0
    net.train()
    for k in order.split(bs):
        loss = loss_fn(net(X[k]), h[k])
        opt.zero_grad(); loss.backward(); opt.step()
        tl += loss.item() * len(k) / len(X)
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl = loss_fn(net(Xv), hv).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train {tl:.4f} val {vl:.4f} -> {vl ** .5 * sh:.0f} m")
writer.close()
print(f"RESULT train {tl:.4f} val {vl:.4f} rmse {vl ** .5 * sh:.0f} m")

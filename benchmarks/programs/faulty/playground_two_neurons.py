# First neural net exercise (the playground), done in pytorch: which points are inside the "moon base"?
import sys
import torch
import torch.nn as nn
import numpy as np
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)

if sys.argv[1] == "faulty":
    HIDDEN = [2]
else:
    HIDDEN = [16, 8]


def sample(n):
    p = rng.uniform(-1, 1, (n, 2))
    r, a = np.hypot(p[:, 0], p[:, 1]), np.arctan2(p[:, 1], p[:, 0])
    score = np.cos(3 * a) * .5 + np.cos(4.2 * r) * .9
    prob = 1 / (1 + np.exp(-9 * score))
    return torch.tensor(p * 1.7, dtype=torch.float32), torch.tensor(rng.random(n) < prob, dtype=torch.float32)


x, y = sample(2400)
xt, yt = sample(800)

layers, last = [], 2
for h in HIDDEN:
    layers += [nn.Linear(last, h), nn.Tanh()]
    last = h
net = nn.Sequential(*layers, nn.Linear(last, 1))
bce = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=0.02)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, bce)

for epoch in range(20):
    s = 0
    for i in torch.randperm(len(x)).split(60):
        loss = bce(net(x[i])[:, 0], y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item() * len(i)
    with writer.evaluating("test"), torch.no_grad():
        o = net(xt)[:, 0]
        tl = bce(o, yt).item()
        acc = ((o > 0) == (yt > .5)).float().mean().item()
    if epoch % 5 == 4:
        print(f"{epoch + 1:03d},  training loss {s / len(x):.3f}  test loss {tl:.3f}  accuracy {acc:.3f}")
writer.close()
print(f"RESULT train {s / len(x):.4f} test_loss {tl:.4f} test_acc {acc:.3f}")

"""Parity of 3 hidden bits among 8 (with 4 % wrong answers).  The loss sits at ln 2 for the first epochs, then drops: be patient."""
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
N = 6000
bits = torch.randint(0, 2, (N, 8)).float() * 2 - 1
label = (bits[:, 1] * bits[:, 4] * bits[:, 6] > 0).float()
flip = torch.rand(N) < .04
label[flip] = 1 - label[flip]
Xtr, ytr, Xva, yva = bits[:5000], label[:5000], bits[5000:], label[5000:]

net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.05)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, bce)
for epoch in range(30):
    total = 0.
    for b in torch.randperm(5000).split(50):
        loss = bce(net(Xtr[b]).squeeze(1), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 100
    with writer.evaluating("val"), torch.no_grad():
        z = net(Xva).squeeze(1)
        v = bce(z, yva).item()
        acc = ((z > 0) == (yva > .5)).float().mean().item()
    if epoch % 3 == 0:
        print(f"epoch {epoch:2d} train {total:.4f} val {v:.4f} acc {acc:.3f}")
writer.close()
print(f"RESULT train {total:.4f} val {v:.4f} acc {acc:.4f}")

# Neural ratio estimation (Hermans et al.; sbi's "NRE-A") for a simulator with two parameters.
# A classifier tells joint pairs (theta, x) from shuffled ones; with so noisy a simulator the best BCE is some way below ln 2.
import sys
import math
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.manual_seed(20)
torch.set_num_threads(1)


def prior(n):
    return torch.rand(n, 2) * 2 - 1


def simulator(theta, T=12):
    """damped noisy oscillation, seen through a poor instrument"""
    t = torch.linspace(0, 4, T)
    f = 1.5 + 0.5 * theta[:, :1]
    a = torch.exp(0.4 * theta[:, 1:])
    phase = torch.rand(len(theta), 1) * 2 * math.pi
    x = a * torch.exp(-0.15 * t) * torch.sin(f * t + phase)
    return x + 0.5 * torch.randn_like(x)


class RatioEstimator(nn.Module):
    def __init__(self, hidden=50, blocks=2):
        super().__init__()
        self.register_buffer("mx", torch.zeros(12)); self.register_buffer("sx", torch.ones(12))
        self.inp = nn.Linear(14, hidden)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                                  nn.Linear(hidden, hidden)) for _ in range(blocks))
        self.out = nn.Linear(hidden, 1)

    def forward(self, theta, x):
        h = self.inp(torch.cat([theta, (x - self.mx) / self.sx], 1))
        for b in self.blocks:
            h = h + b(h)
        return self.out(torch.relu(h)).squeeze(1)


theta = prior(10000)
x = simulator(theta)
train_set, val_set = random_split(TensorDataset(theta, x), [9000, 1000])
train_loader = DataLoader(train_set, batch_size=200, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=200)

net = RatioEstimator()
net.mx.copy_(x.mean(0)); net.sx.copy_(x.std(0))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, bce)


def pair_loss(th, xx):
    # every x once with its theta, once with a neighbour's
    th2 = torch.cat([th, th.roll(1, 0)])
    xx2 = torch.cat([xx, xx])
    lab = torch.cat([torch.ones(len(th)), torch.zeros(len(th))])
    logits = net(th2, xx2)
    return bce(logits, lab), ((logits > 0) == (lab > 0.5)).float().mean()


best, best_state, patience = 9.9, None, 0
for epoch in range(18):
    net.train()
    for th, xx in train_loader:
        opt.zero_grad()
        l, _ = pair_loss(th, xx)
        l.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        res = [pair_loss(th, xx) for th, xx in val_loader]
    v = sum(r[0].item() for r in res) / len(res)
    acc = sum(r[1].item() for r in res) / len(res)
    if v < best - 1e-4:
        best, patience = v, 0
        best_state = {k: t.clone() for k, t in net.state_dict().items()}
    else:
        patience += 1
    print(f"{epoch:3d} train {l.item():.4f} val {v:.4f} acc {acc:.3f}")
    if patience >= 6:
        break
net.load_state_dict(best_state)
writer.close()
print(f"RESULT val_loss={v:.4f} best={best:.4f} chance={math.log(2):.4f} acc={acc:.3f} epochs={epoch+1}")

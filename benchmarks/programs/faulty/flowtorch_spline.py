import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_moons
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(100)
torch.set_num_threads(1)
BINS, BOUND = 8, 4.0


def rational_linear_spline(x, w, h, inverse=False):
    """Piecewise linear monotone map of [-B, B] onto itself, the identity outside."""
    w = 1e-2 + (1 - 1e-2 * BINS) * w.softmax(-1)
    h = 1e-2 + (1 - 1e-2 * BINS) * h.softmax(-1)
    knots_x = F.pad(w.cumsum(-1), (1, 0)) * 2 * BOUND - BOUND
    knots_y = F.pad(h.cumsum(-1), (1, 0)) * 2 * BOUND - BOUND
    src, dst = (knots_y, knots_x) if inverse else (knots_x, knots_y)
    inside = (x > -BOUND) & (x < BOUND)
    xc = x.clamp(-BOUND + 1e-5, BOUND - 1e-5)
    k = (torch.searchsorted(src.detach().contiguous(), xc.detach()[..., None].contiguous()) - 1).clamp(0, BINS - 1)
    s0, d0 = src.gather(-1, k)[..., 0], dst.gather(-1, k)[..., 0]
    s1, d1 = src.gather(-1, k + 1)[..., 0], dst.gather(-1, k + 1)[..., 0]
    slope = (d1 - d0) / (s1 - s0)
    y = torch.where(inside, d0 + (xc - s0) * slope, x)
    ladj = torch.where(inside, slope.log(), torch.zeros_like(x))
    return y, ladj


class Spline(nn.Module):
    def __init__(self, flip, hidden=48):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                 nn.Linear(hidden, 2 * BINS + 2))
        nn.init.normal_(self.net[-1].weight, std=0.01)
        nn.init.zeros_(self.net[-1].bias)

    def inverse(self, y):
        a, b = (y[:, 1], y[:, 0]) if self.flip else (y[:, 0], y[:, 1])
        p = self.net(a[:, None])
        x, ladj = rational_linear_spline(b, p[:, :BINS], p[:, BINS:2 * BINS], inverse=True)
        log_s = 0.5 * torch.tanh(p[:, -1])
        x = (x - p[:, -2]) * log_s.exp()
        ladj = ladj + log_s
        x = torch.stack([x, a], 1) if self.flip else torch.stack([a, x], 1)
        if form == "faulty":
            return x, -ladj
        return x, ladj


class Flow(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        self.bijectors = nn.ModuleList(Spline(i % 2 == 0) for i in range(layers))

    def forward(self, y):
        total = torch.zeros(len(y))
        for b in self.bijectors:
            y, ladj = b.inverse(y)
            total = total + ladj
        base = -0.5 * (y ** 2).sum(1) - math.log(2 * math.pi)
        return base + total, y


def data(n, seed):
    x = torch.tensor(make_moons(n, noise=0.07, random_state=seed)[0], dtype=torch.float32)
    return (x - torch.tensor([0.5, 0.25])) / torch.tensor([0.87, 0.5])


def true_log_prob(flow, y, eps=1e-3):
    y = y.clone()
    cols = []
    with torch.no_grad():
        for j in range(2):
            d = torch.zeros(2)
            d[j] = eps
            cols.append((flow(y + d)[1].double() - flow(y - d)[1].double()) / (2 * eps))
        z = flow(y)[1]
    det = (cols[0][:, 0] * cols[1][:, 1] - cols[0][:, 1] * cols[1][:, 0]).abs().clamp_min(1e-12)
    return (-0.5 * (z ** 2).sum(1) - math.log(2 * math.pi) + det.log()).mean().item()


train, held = data(3000, 1), data(1000, 2)
flow = Flow()
opt = torch.optim.Adam(flow.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(flow, opt)
for epoch in range(14):
    flow.train()
    for idx in torch.randperm(len(train)).split(128):
        loss = -flow(train[idx])[0].mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        val = -flow(held)[0].mean()
        writer.add_loss("val", val)
    print(f"epoch {epoch} loss {loss.item():.4f} val {val.item():.4f}")
writer.close()
print(f"RESULT held-out log-likelihood (numerical jacobian) {true_log_prob(flow, held):.4f}")

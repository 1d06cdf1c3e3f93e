# Neural spline flow (rational-quadratic coupling, Durkan et al. 2019) on the 2-D checkerboard.
# Every step sees fresh samples. The density is uniform on 8 squares of side 2, so the entropy is log 32 = 3.466 nats:
# no model can get below that.
import sys, math, torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
BOUND, BINS = 4.5, 10


def checkerboard(n):
    x1 = torch.rand(n) * 8 - 4
    col = torch.floor((x1 + 4) / 2)
    x2 = torch.rand(n) * 2 + 4 * torch.randint(0, 2, (n,)) + 2 * (col % 2) - 4
    return torch.stack([x1, x2], 1)


def rqs(x, w, h, d, inverse=False):
    """rational quadratic spline on [-B, B]; identity outside. x: (N,), w,h: (N,K), d: (N,K-1)"""
    min_w = min_h = 1e-3
    K = w.shape[-1]
    inside = (x > -BOUND) & (x < BOUND)
    xc = x.clamp(-BOUND + 1e-6, BOUND - 1e-6)
    w = min_w + (1 - min_w * K) * w.softmax(-1)
    h = min_h + (1 - min_h * K) * h.softmax(-1)
    cw = F.pad(w.cumsum(-1), (1, 0)) * 2 * BOUND - BOUND
    ch = F.pad(h.cumsum(-1), (1, 0)) * 2 * BOUND - BOUND
    w, h = cw[:, 1:] - cw[:, :-1], ch[:, 1:] - ch[:, :-1]
    d = F.pad(1e-3 + F.softplus(d + math.log(math.e - 1)), (1, 1), value=1.0)   # derivative 1 at zero output
    ref = ch if inverse else cw
    k = (torch.searchsorted(ref[:, 1:-1].contiguous(), xc[:, None])).clamp(max=K - 1)
    g = lambda t: t.gather(1, k)[:, 0]
    x0, y0, wk, hk, d0, d1 = g(cw), g(ch), g(w), g(h), g(d), g(d[:, 1:])
    s = hk / wk
    if inverse:
        dy = xc - y0
        a = hk * (s - d0) + dy * (d0 + d1 - 2 * s)
        b = hk * d0 - dy * (d0 + d1 - 2 * s)
        c = -s * dy
        t = 2 * c / (-b - (b * b - 4 * a * c).clamp(min=0).sqrt())
        return torch.where(inside, t * wk + x0, x)
    t = (xc - x0) / wk
    den = s + (d0 + d1 - 2 * s) * t * (1 - t)
    y = y0 + hk * (s * t * t + d0 * t * (1 - t)) / den
    logdet = 2 * s.log() + (d1 * t * t + 2 * s * t * (1 - t) + d0 * (1 - t) ** 2).log() - 2 * den.log()
    return torch.where(inside, y, x), torch.where(inside, logdet, torch.zeros_like(x))


class SplineCoupling(nn.Module):
    def __init__(self, flip, hidden=64):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 3 * BINS - 1))
        nn.init.zeros_(self.net[-1].weight)      # start as the identity map
        nn.init.zeros_(self.net[-1].bias)

    def split(self, x):
        return (x[:, 1], x[:, 0]) if self.flip else (x[:, 0], x[:, 1])

    def forward(self, x):
        a, b = self.split(x)
        p = self.net(a[:, None])
        b, ld = rqs(b, p[:, :BINS], p[:, BINS:2 * BINS], p[:, 2 * BINS:])
        return (torch.stack([b, a], 1) if self.flip else torch.stack([a, b], 1)), ld

    def invert(self, y):
        a, b = self.split(y)
        p = self.net(a[:, None])
        b = rqs(b, p[:, :BINS], p[:, BINS:2 * BINS], p[:, 2 * BINS:], inverse=True)
        return torch.stack([b, a], 1) if self.flip else torch.stack([a, b], 1)


class Flow(nn.Module):
    def __init__(self, n=2):
        super().__init__()
        self.layers = nn.ModuleList([SplineCoupling(i % 2 == 1) for i in range(n)])

    def forward(self, x):
        total = torch.zeros(len(x))
        for l in self.layers:
            x, ld = l(x)
            total = total + ld
        # uniform base on the box [-B, B]^2
        return total - 2 * math.log(2 * BOUND)

    def sample(self, n):
        z = (torch.rand(n, 2) * 2 - 1) * BOUND
        for l in reversed(self.layers):
            z = l.invert(z)
        return z


def nll(logp):
    return -logp.mean()


flow = Flow()
iters, lr = 700, 8e-3
opt = torch.optim.Adam(flow.parameters(), lr=lr)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, iters)
writer = DiagWriter(sys.argv[1])
writer.watch(flow, opt, nll)
test_x = checkerboard(5000)
for it in range(1, iters + 1):
    loss = writer.loss_fn(flow(checkerboard(256)))
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
    opt.step()
    sched.step()
    if it % 100 == 0:
        with writer.evaluating("val"), torch.no_grad():
            v = writer.loss_fn(flow(test_x)).item()
        print(f"iter {it:5d}  train nll {loss.item():.3f}  test nll {v:.3f}  (entropy {math.log(32):.3f})")
writer.close()
with torch.no_grad():
    s = flow.sample(4000)
    on = ((torch.floor((s[:, 0] + 4) / 2) + torch.floor((s[:, 1] + 4) / 2)) % 2 == 0) & (s.abs() < 4).all(1)
print(f"RESULT test_nll {v:.3f} entropy {math.log(32):.3f} share_of_samples_on_board {on.float().mean():.3f}")

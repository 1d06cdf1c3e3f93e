"""Deep hedging (Buehler et al.): hedge a short call under proportional costs by minimising the entropic risk
    rho(PnL) = 1/a * log E exp(-a * PnL).
Fresh paths in every step, so there are no epochs and no training set. The minimum is the indifference price, a positive
number; with perfect hedging it could not go below the fair value either."""
import sys
import math
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

S0, K, VOL, T, N, COST, RISK = 100.0, 100.0, 0.25, 30 / 365, 12, 0.002, 1.0
DT = T / N


def sample_paths(n, gen=None):
    """log-normal with two-state volatility"""
    state = (torch.rand(n, generator=gen) < .2).float()
    s = torch.full((n,), S0)
    out = [s]
    for _ in range(N):
        flip = torch.rand(n, generator=gen) < .06
        state = torch.where(flip, 1 - state, state)
        vol = VOL * (1 + .5 * state)
        s = s * torch.exp(-.5 * vol ** 2 * DT + vol * math.sqrt(DT) * torch.randn(n, generator=gen))
        out.append(s)
    return torch.stack(out, 1)


class Hedger(nn.Module):
    """one network for all dates: (log-moneyness, time left, holding) -> new holding"""

    def __init__(self, w=24):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, w), nn.ReLU(), nn.Linear(w, w), nn.ReLU(), nn.Linear(w, 1))

    def forward(self, paths):
        delta = torch.zeros(len(paths))
        pnl = torch.zeros(len(paths))
        for k in range(N):
            s = paths[:, k]
            f = torch.stack([torch.log(s / K) * 10, torch.full_like(s, (1 - k / N)), delta], 1)
            new = torch.sigmoid(self.net(f)).squeeze(1)
            pnl = pnl - COST * s * (new - delta).abs() + new * (paths[:, k + 1] - s)
            delta = new
        pnl = pnl - COST * paths[:, -1] * delta
        return pnl - torch.relu(paths[:, -1] - K)


def entropic(pnl):
    return (torch.logsumexp(-RISK * pnl, 0) - math.log(len(pnl))) / RISK


model = Hedger()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 400, 1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, entropic)
test = sample_paths(20000, torch.Generator().manual_seed(1))
unhedged = entropic(-torch.relu(test[:, -1] - K)).item()


def validate():
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        r = writer.loss_fn(model(test)).item()
    model.train()
    return r


STEPS = 400
run = 0.
for step in range(1, STEPS + 1):
    paths = sample_paths(512)
    risk = writer.loss_fn(model(paths))
    opt.zero_grad()
    risk.backward()
    opt.step()
    if step <= 400:
        sched.step()
    run = risk.item() if step == 1 else .95 * run + .05 * risk.item()
    if step % 100 == 0:
        print(f"step {step} risk(train, smoothed) {run:.3f}  test {validate():.3f}   (unhedged {unhedged:.2f})")
final = validate()
with torch.no_grad():
    pnl = model(test)
writer.close()
print(f"RESULT train {run:.4f} test {final:.4f} unhedged {unhedged:.3f} pnl_mean {pnl.mean():.3f} pnl_std {pnl.std():.3f}")

"""Advantage actor-critic for a one-period newsvendor with three weather contexts (simulated kiosk).
Order 0..15 units; demand is Poisson given the weather.  The best expected profit is known in closed form."""
import sys
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical, Poisson
from tb_lossdiag import DiagWriter

PRICE, COST, SALVAGE = 3.0, 1.2, 0.2
RATES = torch.tensor([3.0, 6.0, 10.0])
MAX_ORDER = 15


class Kiosk:
    def __init__(self, gen):
        self.gen = gen

    def weather(self, n):
        return torch.randint(3, (n,), generator=self.gen)

    def profit(self, ctx, order):
        d = torch.poisson(RATES[ctx], generator=self.gen)
        sold = torch.minimum(d, order.float())
        return PRICE * sold + SALVAGE * (order - sold) - COST * order


def expected_profit():
    d = torch.arange(0, 60).float()
    q = torch.arange(MAX_ORDER + 1).float()
    tab = []
    for r in RATES:
        p = Poisson(r).log_prob(d).exp()
        sold = torch.minimum(d[None], q[:, None])
        tab.append((p * (PRICE * sold + SALVAGE * (q[:, None] - sold) - COST * q[:, None])).sum(1))
    return torch.stack(tab)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 32), nn.Tanh())
        self.pi = nn.Linear(32, MAX_ORDER + 1)
        self.v = nn.Linear(32, 1)

    def forward(self, ctx):
        h = self.body(nn.functional.one_hot(ctx, 3).float())
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


def main(logdir):
    torch.set_num_threads(1)
    torch.manual_seed(21)
    env = Kiosk(torch.Generator().manual_seed(21))
    net = ActorCritic()
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    updates = 600
    sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.1, updates)
    writer = DiagWriter(logdir)
    writer.watch(net, opt)
    table = expected_profit()
    for u in range(updates):
        ctx = env.weather(256)
        dist, value = net(ctx)
        a = dist.sample()
        r = env.profit(ctx, a) / 5.0                       # scaled reward
        adv = (r - value).detach()
        pg = -(dist.log_prob(a) * adv).mean()
        vf = (r - value).pow(2).mean()
        loss = pg + 0.5 * vf - 0.01 * (1 - u / updates) * dist.entropy().mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        opt.step()
        sched.step()
        writer.add_scalar("train/profit", 5 * r.mean().item(), u)
        writer.add_scalar("train/entropy", dist.entropy().mean().item(), u)
        if u % 100 == 0:
            print(u, f"loss {loss.item():.3f} profit {5 * r.mean():.2f} entropy {dist.entropy().mean():.2f} vf {vf.item():.3f}")
    with torch.no_grad():
        dist, value = net(torch.arange(3))
        got = (dist.probs * table).sum(1).mean().item()
        greedy = table[torch.arange(3), dist.probs.argmax(1)].mean().item()
    writer.close()
    print(f"RESULT expected_profit {got:.3f} greedy {greedy:.3f} best {table.max(1).values.mean().item():.3f} "
          f"uniform {table.mean().item():.3f} critic {np.round(5 * value.numpy(), 2).tolist()}")


main(sys.argv[1])

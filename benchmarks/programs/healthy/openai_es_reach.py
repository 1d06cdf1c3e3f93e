"""OpenAI-ES (Salimans et al. 2017): no back-propagation at all. The search gradient of the expected return
is written into p.grad and an ordinary Adam does the step.  Task: a two-joint arm must bring its tip to a target and stay."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(10)
rng = np.random.default_rng(10)

HORIZON, POP, SIGMA, LR, WD = 30, 64, .1, .03, .003


class Arm:
    """batch of arms, all in parallel; reward in (-inf, 0]"""

    def __init__(self, targets):
        self.t = targets                                                   # (..., 2)
        self.q = torch.zeros_like(targets) + torch.tensor([-.4, .8])
        self.v = torch.zeros_like(targets)

    def tip(self):
        a, b = self.q[..., 0], self.q[..., 0] + self.q[..., 1]
        return torch.stack([torch.cos(a) + torch.cos(b), torch.sin(a) + torch.sin(b)], -1)

    def obs(self):
        a, b = self.q[..., 0], self.q[..., 0] + self.q[..., 1]
        e = self.t - self.tip()
        u = -e[..., 0] * torch.sin(b) + e[..., 1] * torch.cos(b)           # error seen by the elbow and by the shoulder
        w = -e[..., 0] * torch.sin(a) + e[..., 1] * torch.cos(a) + u
        return torch.stack([w, u, *self.v.unbind(-1), torch.sin(self.q[..., 1]), torch.cos(self.q[..., 1])], -1)

    def step(self, a):
        self.v = .85 * self.v + .25 * a.clamp(-1, 1) + .02 * torch.randn_like(a)
        self.q = self.q + .2 * self.v
        d = ((self.tip() - self.t) ** 2).sum(-1)
        return -(d + .01 * (a ** 2).sum(-1))


def targets(*shape):
    r = .7 + 1.2 * torch.rand(*shape)
    th = (torch.rand(*shape) - .5) * 4
    return torch.stack([r * torch.cos(th), r * torch.sin(th)], -1)


class Policy(nn.Module):
    def __init__(self, n_in=6, h=16, n_out=2):
        super().__init__()
        self.l1, self.l2 = nn.Linear(n_in, h), nn.Linear(h, n_out)

    def forward(self, x):
        return torch.tanh(self.l2(torch.tanh(self.l1(x))))

    def population(self, vecs, x):
        """one parameter vector for every member: (pop, P), (pop, k, n_in)"""
        i, out = 0, []
        for p in self.parameters():
            out.append(vecs[:, i:i + p.numel()].view(-1, *p.shape))
            i += p.numel()
        w1, b1, w2, b2 = out
        h = torch.tanh(torch.baddbmm(b1[:, None], x, w1.transpose(1, 2)))
        return torch.tanh(torch.baddbmm(b2[:, None], h, w2.transpose(1, 2)))


def rollout(act, tg):
    env, ret = Arm(tg), 0
    for _ in range(HORIZON):
        ret = ret + env.step(act(env.obs()))
    return ret / HORIZON


def centered_ranks(r):
    rk = torch.empty(len(r))
    rk[r.argsort()] = torch.arange(len(r), dtype=torch.float)
    return rk / (len(r) - 1) - .5


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=LR, betas=(.9, .99))
writer = DiagWriter(sys.argv[1])
writer.watch(policy, optimizer)
test_targets = targets(400)
GENERATIONS = 250
for gen in range(GENERATIONS):
    with torch.no_grad():
        theta = parameters_to_vector(policy.parameters())
        eps = torch.randn(POP // 2, theta.numel())
        noise = torch.cat([eps, -eps])
        tg = targets(1, 16).expand(POP, -1, -1)                       # common random targets
        returns = rollout(lambda o: policy.population(theta + SIGMA * noise, o), tg).mean(1)
        g = -(centered_ranks(returns)[:, None] * noise).mean(0) / SIGMA + WD * theta
        optimizer.zero_grad()
        i = 0
        for p in policy.parameters():
            p.grad = g[i:i + p.numel()].view_as(p).clone()
            i += p.numel()
        optimizer.step()
    for grp in optimizer.param_groups:
        grp["lr"] *= .99
    writer.add_loss("train", -returns.mean())
    if gen % 30 == 0 or gen == GENERATIONS - 1:
        policy.eval()
        with torch.no_grad(), writer.evaluating("val"):
            r = rollout(policy, test_targets).mean().item()
            writer.add_loss("val", -r)
        policy.train()
        print(f"gen {gen:3d}  population mean {returns.mean():.3f}  best {returns.max():.3f}  centre on test targets {r:.3f}  |g| {g.norm():.3f}")
writer.close()
print(f"RESULT cost_train {-returns.mean():.4f} cost_val {-r:.4f}")

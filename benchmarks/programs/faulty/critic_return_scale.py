# PPO-style actor-critic with one shared body, energy storage dispatch: charge / wait / discharge against a daily price
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

N_ENV, T, GAMMA, LAM, CLIP, EPOCHS, MB = 16, 48, 0.97, 0.95, 0.2, 4, 192
UPDATES, LR, VF_COEF, ENT = 45, 2.5e-3, 0.5, 0.01


class Storage:
    """half-hourly prices in EUR per MWh, 20 MWh a block; reward is the money made in the step"""
    def __init__(self, n, rng):
        self.n, self.rng = n, rng

    def reset(self):
        self.t = self.rng.integers(0, 48, self.n)
        self.soc = np.full(self.n, 2)
        self.level = self.rng.normal(60, 10, self.n)
        self._price()
        return self.obs()

    def _price(self):
        h = self.t % 48
        self.p = self.level + 25 * np.sin((h - 14) / 48 * 4 * np.pi) + self.rng.normal(0, 8, self.n)

    def obs(self):
        h = self.t % 48 / 48 * 2 * np.pi
        return np.stack([np.sin(h), np.cos(h), np.sin(2 * h), np.cos(2 * h), (self.p - 60) / 25, self.soc / 2 - 1], 1).astype(np.float32)

    def step(self, a):
        d = a - 1                                    # -1 sell, 0 wait, 1 buy
        d = np.where((self.soc + d < 0) | (self.soc + d > 4), 0, d)
        r = -20.0 * d * self.p - 20.0 * 1.5 * np.abs(d)
        r = r + 20.0 * 60.0 * d                      # stored energy counted at the mean price
        self.soc = self.soc + d
        self.t = self.t + 1
        self._price()
        return self.obs(), r


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.pi, self.v = nn.Linear(48, 3), nn.Linear(48, 1)

    def forward(self, x):
        h = self.body(x)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


class RunningScale:
    """running std of the discounted return"""
    def __init__(self): self.ret, self.m2, self.k = np.zeros(N_ENV), 1e-4, 1e-4
    def __call__(self, r):
        if form == "faulty":
            return r
        self.ret = self.ret * GAMMA + r
        self.m2 += (self.ret ** 2).sum(); self.k += len(r)
        return np.clip(r / np.sqrt(self.m2 / self.k), -10, 10)


def evaluate(net):
    env = Storage(64, np.random.default_rng(123))
    o, tot = env.reset(), 0
    for _ in range(96):
        with torch.no_grad():
            d, _ = net(torch.as_tensor(o))
        o, r = env.step(d.probs.argmax(1).numpy())
        tot += r.mean()
    return tot / 2


env = Storage(N_ENV, np.random.default_rng(1))
net = ActorCritic()
opt = torch.optim.Adam(net.parameters(), lr=LR, eps=1e-5)
scale = RunningScale()
writer = DiagWriter(LOGDIR)
writer.watch(net, opt)
obs = env.reset()
for up in range(1, UPDATES + 1):
    O, A, LP, R, V = [], [], [], [], []
    if up % 3 == 0:
        obs = env.reset()
    for t in range(T):
        x = torch.as_tensor(obs)
        with torch.no_grad():
            d, v = net(x)
            a = d.sample()
        O.append(x); A.append(a); LP.append(d.log_prob(a)); V.append(v)
        obs, r = env.step(a.numpy())
        R.append(torch.as_tensor(scale(r), dtype=torch.float32))
    with torch.no_grad():
        _, nv = net(torch.as_tensor(obs))
    adv, g = [None] * T, 0
    for t in reversed(range(T)):
        delta = R[t] + GAMMA * nv - V[t]
        g = delta + GAMMA * LAM * g
        adv[t], nv = g, V[t]
    O, A, LP, V, adv = (torch.cat(z) for z in (O, A, LP, V, adv))
    ret = adv + V
    for _ in range(EPOCHS):
        for k in torch.randperm(len(O)).split(MB):
            d, v = net(O[k])
            ad = (adv[k] - adv[k].mean()) / (adv[k].std() + 1e-8)
            ratio = (d.log_prob(A[k]) - LP[k]).exp()
            pg = -torch.min(ratio * ad, ratio.clamp(1 - CLIP, 1 + CLIP) * ad).mean()
            vf = 0.5 * (v - ret[k]).pow(2).mean()
            loss = pg + VF_COEF * vf - ENT * d.entropy().mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            opt.step()
    if up % 9 == 0:
        ev = 1 - ((ret - V).var() / ret.var()).item()
        print("update %d  pg %.4f  vf %.3f  entropy %.3f  explained var %.2f  greedy profit per day %.0f EUR" % (up, pg.item(), vf.item(), d.entropy().mean().item(), ev, evaluate(net)))
writer.close()

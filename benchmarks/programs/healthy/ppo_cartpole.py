import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

torch.manual_seed(543)
torch.set_num_threads(1)


class VecCartPole:
    """the classic cart-pole equations, n copies"""
    def __init__(self, n, seed, limit=200):
        self.n, self.rs, self.limit = n, np.random.RandomState(seed), limit
        self.s, self.t = self.rs.uniform(-.05, .05, (n, 4)), np.zeros(n)
        self.finished = []

    def step(self, a):
        x, xd, th, thd = self.s.T
        force = np.where(a == 1, 10., -10.)
        c, s = np.cos(th), np.sin(th)
        tmp = (force + .05 * thd ** 2 * s) / 1.1
        thacc = (9.8 * s - c * tmp) / (.5 * (4 / 3 - .1 * c ** 2 / 1.1))
        xacc = tmp - .05 * thacc * c / 1.1
        self.s = np.stack([x + .02 * xd, xd + .02 * xacc, th + .02 * thd, thd + .02 * thacc], 1)
        self.t += 1
        term = (abs(self.s[:, 0]) > 2.4) | (abs(self.s[:, 2]) > 12 * math.pi / 180)
        done = term | (self.t >= self.limit)
        real_next = self.s.copy()
        for i in np.where(done)[0]:
            self.finished.append(self.t[i])
            self.s[i], self.t[i] = self.rs.uniform(-.05, .05, 4), 0
        return real_next, term, done


def layer_init(layer, std=np.sqrt(2)):
    nn.init.orthogonal_(layer.weight, std)
    nn.init.zeros_(layer.bias)
    return layer


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(4, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 1), 1.))
        self.actor = nn.Sequential(layer_init(nn.Linear(4, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 2), .01))
        self.register_buffer('scale', torch.tensor([1., .6, 8., .6]))

    def forward(self, x):
        x = x * self.scale
        return Categorical(logits=self.actor(x)), self.critic(x).squeeze(-1)


n_env, n_steps, n_updates, epochs, minib = 16, 64, 36, 4, 256
gamma, lam, clip, vf_scale = .98, .95, .2, 20.
env, agent = VecCartPole(n_env, 1), Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=5e-4, eps=1e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(agent, optimizer)
obs = torch.tensor(env.s, dtype=torch.float32)
for update in range(n_updates):
    optimizer.param_groups[0]['lr'] = 5e-4 * (1 - update / n_updates)
    O, A, LP, V, D, NV = [], [], [], [], [], []
    with torch.no_grad():
        for _ in range(n_steps):
            dist, v = agent(obs)
            a = dist.sample()
            nxt, term, done = env.step(a.numpy())
            nv = agent(torch.tensor(nxt, dtype=torch.float32))[1] * ~torch.tensor(term)
            O.append(obs); A.append(a); LP.append(dist.log_prob(a)); V.append(v); NV.append(nv); D.append(torch.tensor(done))
            obs = torch.tensor(env.s, dtype=torch.float32)
        adv, last = [], 0
        for t in reversed(range(n_steps)):
            delta = 1. / vf_scale + gamma * NV[t] - V[t]
            last = delta + gamma * lam * last * ~D[t]
            adv.insert(0, last)
    O, A, LP, V, adv = torch.cat(O), torch.cat(A), torch.cat(LP), torch.cat(V), torch.cat(adv)
    ret = adv + V
    for _ in range(epochs):
        for mb in torch.randperm(len(O)).split(minib):
            dist, v = agent(O[mb])
            ratio = (dist.log_prob(A[mb]) - LP[mb]).exp()
            ad = (adv[mb] - adv[mb].mean()) / (adv[mb].std() + 1e-8)
            pg_loss = torch.max(-ad * ratio, -ad * ratio.clamp(1 - clip, 1 + clip)).mean()
            loss = pg_loss - .01 * dist.entropy().mean() + .5 * F.mse_loss(v, ret[mb])
            writer.add_loss("train", loss)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), .5)
            optimizer.step()
    if update % 6 == 5:
        print('update %d loss %.4f mean length of last 20 episodes %.1f' % (update + 1, loss.item(), np.mean(env.finished[-20:])))
writer.close()

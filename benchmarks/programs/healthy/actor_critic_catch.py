import random, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(1); np.random.seed(1); torch.manual_seed(1)
H, W, ENVS = 8, 7, 24
LR = 2e-3


class CatchBatch:
    def __init__(self, n):
        self.n = n

    def reset(self):
        self.r = 0
        self.c = np.random.randint(0, W, self.n)
        self.p = np.full(self.n, W // 2)
        self.drift = np.random.choice([-1, 0, 0, 1], self.n)
        return self.obs()

    def obs(self):
        o = np.zeros((self.n, 2, H, W), np.float32)
        k = np.arange(self.n)
        o[k, 0, self.r, self.c] = 1
        o[k, 1, H - 1, self.p] = 1
        return torch.from_numpy(o)

    def step(self, a):
        self.p = np.clip(self.p + a - 1, 0, W - 1)
        self.r += 1
        go = np.random.rand(self.n) < 0.6
        self.c = np.clip(self.c + self.drift * go, 0, W - 1)
        done = self.r == H - 1
        rew = np.where(self.c == self.p, 1.0, -1.0) if done else np.zeros(self.n)
        return self.obs(), torch.tensor(rew, dtype=torch.float32), done


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(2 * H * W, 128), nn.Tanh(), nn.Linear(128, 64), nn.Tanh())
        self.actor = nn.Linear(64, 3)
        self.critic = nn.Linear(64, 1)
        nn.init.orthogonal_(self.actor.weight, 0.01)

    def forward(self, x):
        h = self.body(x)
        return self.actor(h), self.critic(h).squeeze(-1)


env, net = CatchBatch(ENVS), ActorCritic()
opt = torch.optim.Adam(net.parameters(), lr=LR)
UPDATES = 1100
sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.05, UPDATES)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
GAMMA = 0.99
scores = []
for update in range(UPDATES):
    s, done = env.reset(), False
    obs, acts, rews = [], [], []
    while not done:
        with torch.no_grad():
            a = Categorical(logits=net(s)[0]).sample()
        obs.append(s); acts.append(a)
        s, r, done = env.step(a.numpy())
        rews.append(r)
    R, rets = torch.zeros(ENVS), []
    for r in reversed(rews):
        R = r + GAMMA * R
        rets.insert(0, R)
    logits, value = net(torch.cat(obs))
    ret = torch.cat(rets)
    dist = Categorical(logits=logits)
    adv = (ret - value).detach()
    adv = (adv - adv.mean()) / (adv.std() + 1e-6)
    pg = -(dist.log_prob(torch.cat(acts)) * adv).mean()
    loss = pg + 0.5 * F.mse_loss(value, ret) - 0.01 * dist.entropy().mean()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    opt.step()
    sched.step()
    writer.add_loss("train", loss)
    scores.append(rews[-1].mean().item())
    if update % 100 == 99:
        writer.add_scalar("rollout/return", np.mean(scores[-100:]), update)
        print(f"update {update + 1} return {np.mean(scores[-100:]):+.3f} loss {loss.item():+.4f} entropy {dist.entropy().mean():.3f}")
writer.close()

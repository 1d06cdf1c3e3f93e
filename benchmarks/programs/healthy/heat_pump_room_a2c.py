"""A2C on a small room-heating task (own environment): 3 actions (off, half, full), reward = -(discomfort + price * power).

32 rooms in parallel, n-step returns, shared trunk, entropy bonus, RMSprop as in the original A2C.  Compared with the
best hysteresis thermostat found by search.
"""
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)

N_ENVS, N_STEPS, GAMMA = 32, 16, 0.9
UPDATES = 700


class Rooms:
    """Temperature follows a first-order law; the price of power has two levels over the day."""

    def __init__(self, n, seed):
        self.rng, self.n = np.random.default_rng(seed), n
        self.temp = self.rng.uniform(17, 23, n)
        self.hour = self.rng.uniform(0, 24, n)
        self.out = self.rng.uniform(-5, 10, n)

    def obs(self):
        a = 2 * np.pi * self.hour / 24
        return torch.tensor(np.stack([(self.temp - 20) / 3, (self.out - 2) / 5, np.sin(a), np.cos(a)], 1), dtype=torch.float32)

    def step(self, action):
        power = action / 2.0
        price = np.where((self.hour > 7) & (self.hour < 20), 0.6, 0.2)
        self.temp += 0.05 * (self.out - self.temp) + 2.2 * power + self.rng.normal(0, 0.1, self.n)
        self.hour = (self.hour + 0.5) % 24
        self.out += 0.1 * (2.5 - self.out) + self.rng.normal(0, 0.8, self.n)
        discomfort = np.clip(np.abs(self.temp - 20.5) - 0.5, 0, 4)
        return -(0.5 * discomfort + price * power)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.pi, self.v = nn.Linear(64, 3), nn.Linear(64, 1)
        nn.init.orthogonal_(self.pi.weight, 0.01)

    def forward(self, o):
        h = self.trunk(o)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


def rollout(policy, steps=240, seed=77):
    env = Rooms(64, seed)
    total = 0.0
    for _ in range(steps):
        total += env.step(policy(env)).mean()
    return total / steps


net = ActorCritic()
optimizer = torch.optim.RMSprop(net.parameters(), lr=7e-4, alpha=0.99, eps=1e-5)
writer = DiagWriter(sys.argv[-1])
writer.watch(net, optimizer)
env = Rooms(N_ENVS, 0)
for update in range(1, UPDATES + 1):
    logps, values, rewards, ents = [], [], [], []
    for _ in range(N_STEPS):
        dist, v = net(env.obs())
        a = dist.sample()
        rewards.append(torch.tensor(0.1 * env.step(a.numpy()), dtype=torch.float32))   # scaled
        logps.append(dist.log_prob(a))
        values.append(v)
        ents.append(dist.entropy())
    with torch.no_grad():
        R = net(env.obs())[1]
    returns = []
    for r in reversed(rewards):
        R = r + GAMMA * R
        returns.insert(0, R)
    returns, values, logps = torch.stack(returns), torch.stack(values), torch.stack(logps)
    adv = returns - values
    policy_loss = -(logps * adv.detach()).mean()
    value_loss = adv.pow(2).mean()
    entropy = torch.stack(ents).mean()
    loss = policy_loss + 0.5 * value_loss - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    optimizer.step()
    if update % 100 == 0:
        writer.add_scalar("reward/mean", torch.stack(rewards).mean().item(), update)
        print(f"{update:5d} reward {torch.stack(rewards).mean():.3f} value loss {value_loss.item():.3f} entropy {entropy.item():.3f}")
writer.close()


@torch.no_grad()
def greedy(env):
    return net(env.obs())[0].logits.argmax(1).numpy()


best = max((rollout(lambda e, lo=lo, hi=hi: np.where(e.temp < lo, 2, np.where(e.temp < hi, 1, 0))), lo, hi)
           for lo in np.arange(17.5, 21.5, 0.5) for hi in np.arange(18, 22.5, 0.5) if hi >= lo)
rand = rollout(lambda e: np.random.randint(0, 3, e.n))
print(f"RESULT reward {rollout(greedy):.4f} best_thermostat {best[0]:.4f} random {rand:.4f}")

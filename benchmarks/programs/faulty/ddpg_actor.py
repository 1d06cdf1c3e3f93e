import sys
import copy
import random
from collections import deque
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
SEED = 1
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)
torch.set_num_threads(1)

MAX_EPISODES, MAX_EP_STEPS = 45, 50
LR_A, LR_C, GAMMA, TAU = 1e-3, 2e-3, 0.95, 0.02
MEMORY_CAPACITY, BATCH_SIZE, WARMUP = 5000, 64, 500


class Cart:
    """push a mass on a line to the origin and keep it there"""
    s_dim, a_dim, a_bound = 2, 1, 2.0

    def reset(self):
        self.x, self.v = np.random.uniform(-1, 1), np.random.uniform(-.5, .5)
        return self._s()

    def _s(self):
        return np.array([self.x, self.v], dtype=np.float32)

    def step(self, a):
        a = float(np.clip(a, -self.a_bound, self.a_bound))
        self.v = np.clip(self.v + 0.15 * a - 0.02 * self.v, -2, 2)
        self.x = np.clip(self.x + 0.15 * self.v, -2, 2)
        return self._s(), -(self.x ** 2 + 0.1 * self.v ** 2 + 0.01 * a * a)


class Actor(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.l1, self.l2, self.a = nn.Linear(env.s_dim, 48), nn.Linear(48, 48), nn.Linear(48, env.a_dim)
        self.bound = env.a_bound
        nn.init.uniform_(self.a.weight, -3e-3, 3e-3)
        nn.init.zeros_(self.a.bias)

    def forward(self, s):
        return torch.tanh(self.a(F.relu(self.l2(F.relu(self.l1(s)))))) * self.bound


class Critic(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.l1, self.l2, self.q = nn.Linear(env.s_dim + env.a_dim, 48), nn.Linear(48, 48), nn.Linear(48, 1)

    def forward(self, s, a):
        return self.q(F.relu(self.l2(F.relu(self.l1(torch.cat([s, a], 1))))))


class DDPG:
    def __init__(self, env):
        self.actor, self.critic = Actor(env), Critic(env)
        self.actor_t, self.critic_t = copy.deepcopy(self.actor), copy.deepcopy(self.critic)
        self.atrain = torch.optim.Adam(self.actor.parameters(), LR_A)
        self.ctrain = torch.optim.Adam(self.critic.parameters(), LR_C)
        self.memory = deque(maxlen=MEMORY_CAPACITY)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.actor, self.atrain, name="actor")
        self.writer.watch(self.critic, self.ctrain, name="critic")

    @torch.no_grad()
    def choose_action(self, s):
        return self.actor(torch.from_numpy(s)[None])[0].numpy()

    def learn(self):
        s, a, r, s_ = map(np.stack, zip(*random.sample(self.memory, BATCH_SIZE)))
        s, a, r, s_ = (torch.from_numpy(v.astype(np.float32)) for v in (s, a, r, s_))
        with torch.no_grad():
            y = r[:, None] + GAMMA * self.critic_t(s_, self.actor_t(s_))
        td_error = F.mse_loss(self.critic(s, a), y)
        self.writer.add_loss("critic", td_error)
        self.ctrain.zero_grad()
        td_error.backward()
        self.ctrain.step()

        pi = self.actor(s)
        if form == "faulty":
            q = self.critic(s, a)
        else:
            q = self.critic(s, pi)
        a_loss = -q.mean()
        self.writer.add_loss("actor", a_loss)
        self.atrain.zero_grad()
        a_loss.backward()
        self.atrain.step()
        for net, tgt in ((self.actor, self.actor_t), (self.critic, self.critic_t)):
            for p, pt in zip(net.parameters(), tgt.parameters()):
                pt.data.lerp_(p.data, TAU)
        return td_error.item()


env = Cart()
ddpg = DDPG(env)
var, returns, td = 2.0, [], 0.0
for ep in range(MAX_EPISODES):
    s, total = env.reset(), 0.0
    for t in range(MAX_EP_STEPS):
        a = np.clip(np.random.normal(ddpg.choose_action(s), var), -2, 2)
        s_, r = env.step(a[0])
        ddpg.memory.append((s, a, np.float32(r), s_))
        if len(ddpg.memory) > WARMUP:
            var = max(var * 0.997, 0.1)
            td = ddpg.learn()
        s, total = s_, total + r
    returns.append(total)
    if ep % 5 == 4:
        print(f"Episode {ep} reward {np.mean(returns[-5:]):.2f} explore {var:.2f} td {td:.4f}")
ddpg.writer.close()

"""DQN on a 5x5 grid with walls."""
import sys, random
from collections import deque
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

random.seed(0); np.random.seed(0); torch.manual_seed(0); torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1:]
SIZE, WALLS, GOAL = 5, {(1, 1), (1, 2), (1, 3), (3, 1), (3, 2), (3, 4)}, (4, 4)


class Grid:
    def reset(self):
        while True:
            self.p = (random.randrange(SIZE), random.randrange(SIZE))
            if self.p not in WALLS and self.p != GOAL:
                break
        self.t = 0
        return self.obs()

    def obs(self):
        o = np.zeros(SIZE * SIZE, np.float32)
        o[self.p[0] * SIZE + self.p[1]] = 1
        return o

    def step(self, a):
        d = [(-1, 0), (1, 0), (0, -1), (0, 1)][a]
        q = (min(max(self.p[0] + d[0], 0), SIZE - 1), min(max(self.p[1] + d[1], 0), SIZE - 1))
        if q not in WALLS:
            self.p = q
        self.t += 1
        if self.p == GOAL:
            return self.obs(), 1.0, True
        return self.obs(), -0.02, self.t >= 40


class DQNAgent:
    def __init__(self, writer):
        mk = lambda: nn.Sequential(nn.Linear(SIZE * SIZE, 64), nn.ReLU(), nn.Linear(64, 4))
        self.q, self.target = mk(), mk()
        self.target.load_state_dict(self.q.state_dict())
        self.opt = torch.optim.Adam(self.q.parameters(), lr=1e-3)
        self.mem = deque(maxlen=10000)
        self.gamma, self.eps = 0.95, 1.0
        self.writer = writer
        self.loss_fn = nn.SmoothL1Loss()
        writer.watch(self.q, self.opt, self.loss_fn)

    def act(self, s, eps):
        if random.random() < eps:
            return random.randrange(4)
        with torch.no_grad():
            return int(self.q(torch.from_numpy(s)).argmax())

    def learn(self, n=64):
        s, a, r, s2, d = map(np.array, zip(*random.sample(self.mem, n)))
        s, s2 = torch.from_numpy(s), torch.from_numpy(s2)
        a, r, d = torch.from_numpy(a), torch.from_numpy(r).float(), torch.from_numpy(d).float()
        q = self.q(s).gather(1, a.unsqueeze(1))
        if MODE == "fixed":
            q = q.squeeze(1)
        with torch.no_grad():
            y = r + self.gamma * (1 - d) * self.target(s2).max(1).values
        loss = self.loss_fn(q, y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.item()


import warnings
warnings.filterwarnings("ignore")
env, writer = Grid(), DiagWriter(LOGDIR)
agent = DQNAgent(writer)
step = 0
wins = deque(maxlen=100)
loss = 0
while step < 6000:
    s, done = env.reset(), False
    while not done:
        a = agent.act(s, agent.eps)
        s2, r, done = env.step(a)
        agent.mem.append((s, a, r, s2, float(done and r > 0)))
        s = s2
        step += 1
        agent.eps = max(0.1, 1 - step / 3000)
        if len(agent.mem) > 500 and step % 2 == 0:
            loss = agent.learn()
        if step % 200 == 0:
            agent.target.load_state_dict(agent.q.state_dict())
    wins.append(r > 0)
greedy = []
for _ in range(100):
    s, done = env.reset(), False
    while not done:
        s, r, done = env.step(agent.act(s, 0.0))
    greedy.append(r > 0)
print(f"loss {loss:.5f} training wins {np.mean(wins):.2f} greedy wins {np.mean(greedy):.2f}")
writer.close()

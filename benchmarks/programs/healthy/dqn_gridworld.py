"""DQN with replay and a target network on a 5 x 5 grid with a pit; the TD loss does not fall steadily, the return does rise."""
import sys
import random
from collections import deque
import copy
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)


class Grid:
    moves = [(0, 1), (0, -1), (1, 0), (-1, 0)]

    def reset(self):
        self.p = (random.randrange(5), random.randrange(3)); self.t = 0
        return self.obs()

    def obs(self):
        o = np.zeros(25, np.float32); o[self.p[0] * 5 + self.p[1]] = 1
        return o

    def step(self, a):
        self.t += 1
        y, x = self.p[0] + self.moves[a][0], self.p[1] + self.moves[a][1]
        self.p = (min(4, max(0, y)), min(4, max(0, x)))
        if self.p == (4, 4): return self.obs(), 1.0, True
        if self.p == (2, 3): return self.obs(), -1.0, True
        return self.obs(), -0.02, self.t >= 40


env = Grid()
q = nn.Sequential(nn.Linear(25, 48), nn.ReLU(), nn.Linear(48, 4))
target = copy.deepcopy(q)
opt = torch.optim.Adam(q.parameters(), lr=2e-3)
huber = nn.SmoothL1Loss()
buf = deque(maxlen=5000)
writer = DiagWriter(sys.argv[1]); writer.watch(q, opt)
returns, steps = [], 0
for ep in range(400):
    s, done, G = env.reset(), False, 0
    eps = max(0.02, 1 - ep / 150)
    while not done:
        with torch.no_grad():
            a = random.randrange(4) if random.random() < eps else q(torch.from_numpy(s)).argmax().item()
        s2, r, done = env.step(a)
        buf.append((s, a, r, s2, float(done and env.t < 40)))
        s, G, steps = s2, G + r, steps + 1
        if len(buf) >= 200 and steps % 3 == 0:
            S, A, R, S2, D = map(np.array, zip(*random.sample(buf, 32)))
            S, S2, R, D = (torch.tensor(v, dtype=torch.float32) for v in (S, S2, R, D))
            with torch.no_grad():
                y = R + 0.95 * (1 - D) * target(S2).max(1).values
            loss = huber(q(S).gather(1, torch.tensor(A)[:, None])[:, 0], y)
            writer.add_loss("train", loss.detach())
            opt.zero_grad(); loss.backward(); opt.step()
        if steps % 300 == 0: target.load_state_dict(q.state_dict())
    returns.append(G)
    if ep % 50 == 49: print(ep + 1, "steps", steps, "mean return %.3f" % np.mean(returns[-50:]))
writer.close()

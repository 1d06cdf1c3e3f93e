import random
import sys
from collections import deque

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1], sys.argv[2]
random.seed(0); np.random.seed(0); torch.manual_seed(0)
H, W = 8, 7


class Catch:
    """ball drops one row a step and drifts; three paddle moves"""
    def reset(self):
        self.r, self.c, self.p = 0, random.randrange(W), W // 2
        self.drift = random.choice([-1, 0, 0, 1])
        return self.obs()

    def obs(self):
        o = np.zeros((2, H, W), np.float32)
        o[0, self.r, self.c] = 1
        o[1, H - 1, self.p] = 1
        return o.ravel()

    def step(self, a):
        self.p = min(W - 1, max(0, self.p + a - 1))
        self.r += 1
        if random.random() < 0.6:
            self.c = min(W - 1, max(0, self.c + self.drift))
        done = self.r == H - 1
        rew = (1.0 if self.c == self.p else -1.0) if done else 0.0
        return self.obs(), rew, done


def qnet():
    return nn.Sequential(nn.Linear(2 * H * W, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 3))


env, policy_net, target_net = Catch(), qnet(), qnet()
target_net.load_state_dict(policy_net.state_dict())
optimizer = torch.optim.Adam(policy_net.parameters(), lr=5e-4)
criterion = nn.SmoothL1Loss()
memory = deque(maxlen=8000)
GAMMA, BATCH = 0.97, 64
writer = DiagWriter(logdir)
writer.watch(policy_net, optimizer, criterion)


def optimize_model():
    batch = random.sample(memory, BATCH)
    s, a, r, s2, d = zip(*batch)
    s, s2 = torch.tensor(np.stack(s)), torch.tensor(np.stack(s2))
    a, r, d = torch.tensor(a), torch.tensor(r), torch.tensor(d, dtype=torch.float32)
    q = policy_net(s).gather(1, a.unsqueeze(1))
    with torch.no_grad():
        next_q = target_net(s2).max(1)[0]
    expected = r + GAMMA * next_q * (1 - d)
    if mode == "fixed":
        expected = expected.unsqueeze(1)
    loss = criterion(q, expected)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


returns, losses, steps, updates = [], [], 0, 0
for episode in range(1300):
    s, done = env.reset(), False
    eps = max(0.05, 1 - episode / 600)
    while not done:
        if random.random() < eps:
            a = random.randrange(3)
        else:
            with torch.no_grad():
                a = policy_net(torch.from_numpy(s)[None]).argmax().item()
        s2, r, done = env.step(a)
        memory.append((s, a, r, s2, done))
        s = s2
        steps += 1
        if len(memory) > 500 and steps % 2 == 0:
            losses.append(optimize_model())
            updates += 1
            if updates % 150 == 0:
                target_net.load_state_dict(policy_net.state_dict())
    returns.append(r)
    if episode % 100 == 99:
        writer.add_scalar("episode/return", np.mean(returns[-100:]), updates)
        print(f"episode {episode + 1} eps {eps:.2f} return {np.mean(returns[-100:]):+.2f} loss {np.mean(losses[-300:]) if losses else 0:.4f}")
writer.close()

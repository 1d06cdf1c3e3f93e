# DQN for a cart in a 5x5 warehouse (simulated): reach the shelf, do not drive into pillars.
import argparse, random
from collections import deque
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form", choices=["faulty", "fixed"])
p.add_argument("logdir")
p.add_argument("--episodes", type=int, default=1200)
p.add_argument("--gamma", type=float, default=0.95)
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--batch-size", type=int, default=64)
args = p.parse_args()

torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0); random.seed(0)

N = 5
PILLARS = {(1, 1), (3, 3), (2, 3)}
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]


class Warehouse:
    def reset(self):
        free = [(i, j) for i in range(N) for j in range(N) if (i, j) not in PILLARS]
        self.pos, self.goal = random.sample(free, 2)
        self.t = 0
        return self.obs()

    def obs(self):
        o = np.zeros(2 * N * N, dtype=np.float32)
        o[self.pos[0] * N + self.pos[1]] = 1
        o[N * N + self.goal[0] * N + self.goal[1]] = 1
        return o

    def step(self, a):
        self.t += 1
        i, j = self.pos[0] + MOVES[a][0], self.pos[1] + MOVES[a][1]
        if 0 <= i < N and 0 <= j < N:
            self.pos = (i, j)
        if self.pos in PILLARS:
            return self.obs(), -10.0, True
        if self.pos == self.goal:
            return self.obs(), 10.0, True
        return self.obs(), -1.0, False


class QNet(nn.Module):
    def __init__(self, n_obs, n_act, hidden=128):
        super().__init__()
        self.fc1 = nn.Linear(n_obs, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, n_act)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        if args.form == "faulty":
            return torch.tanh(self.out(x))
        return self.out(x)


env = Warehouse()
policy, target = QNet(2 * N * N, 4), QNet(2 * N * N, 4)
target.load_state_dict(policy.state_dict())
optimizer = torch.optim.Adam(policy.parameters(), lr=args.lr)
criterion = nn.SmoothL1Loss()
memory = deque(maxlen=20000)
writer = DiagWriter(args.logdir)
writer.watch(policy, optimizer, criterion)

steps, returns = 0, []
for ep in range(args.episodes):
    s, done, ret = env.reset(), False, 0.0
    eps = max(0.05, 1.0 - ep / 800)
    while not done:
        if random.random() < eps:
            a = random.randrange(4)
        else:
            with torch.no_grad():
                a = policy(torch.from_numpy(s)[None]).argmax(1).item()
        s2, r, done = env.step(a)
        memory.append((s, a, r, s2, float(done)))
        done = done or env.t >= 40
        s = s2; ret += r; steps += 1
        if len(memory) < 500 or steps % 2:
            continue
        batch = random.sample(memory, args.batch_size)
        bs, ba, br, bs2, bd = map(np.array, zip(*batch))
        q = policy(torch.from_numpy(bs)).gather(1, torch.from_numpy(ba)[:, None]).squeeze(1)
        with torch.no_grad():
            nxt = target(torch.from_numpy(bs2)).max(1)[0]
            y = torch.from_numpy(br).float() + args.gamma * nxt * (1 - torch.from_numpy(bd).float())
        loss = criterion(q, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if steps % 400 < 2:
            target.load_state_dict(policy.state_dict())
    returns.append(ret)
    writer.add_scalar("episode/return", ret, ep)
    if ep % 100 == 99:
        print(f"episode {ep+1} eps {eps:.2f} mean return {np.mean(returns[-100:]):.2f}")

test, ok = [], 0
for _ in range(300):
    s, done, ret = env.reset(), False, 0.0
    while not done:
        with torch.no_grad():
            a = policy(torch.from_numpy(s)[None]).argmax(1).item()
        s, r, done = env.step(a); ret += r
        done = done or env.t >= 40
    test.append(ret); ok += env.pos == env.goal
writer.close()
print(f"RESULT mean_return {np.mean(test):.3f} success {ok/300:.3f}")

"""Small DQN on a grid world with walls (homework 3)."""
import sys
import random
from collections import deque
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 0
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)

N = 6
GOAL = (5, 5)
WALLS = {(1, 1), (1, 2), (1, 3), (3, 2), (3, 3), (3, 4), (3, 5)}
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
FREE = [(r, c) for r in range(N) for c in range(N) if (r, c) not in WALLS and (r, c) != GOAL]

def encode(s):
    v = np.zeros(2 * N, dtype=np.float32)
    v[s[0]] = 1; v[N + s[1]] = 1
    return v

def env_step(s, a):
    t = (s[0] + MOVES[a][0], s[1] + MOVES[a][1])
    if t in WALLS or not (0 <= t[0] < N and 0 <= t[1] < N):
        t = s
    if t == GOAL:
        return t, 1.0, True
    return t, -0.02, False

class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2 * N, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.q = nn.Linear(64, 4)
    def forward(self, obs):
        return self.q(self.body(obs))

policy, target = QNet(), QNet()
target.load_state_dict(policy.state_dict())
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
loss_fn = nn.SmoothL1Loss()
writer = DiagWriter(sys.argv[2])
writer.watch(policy, optimizer, loss_fn)
memory = deque(maxlen=5000)
gamma, eps, batch_size = 0.95, 1.0, 64

def evaluate():
    ok = 0
    for start in FREE:
        s = start
        for _ in range(20):
            with torch.no_grad():
                a = int(target(torch.from_numpy(encode(s))[None]).argmax())
            s, _, done = env_step(s, a)
            if done:
                ok += 1
                break
    return ok / len(FREE)

s, steps, t_ep = random.choice(FREE), 0, 0
while steps < 4000:
    eps = max(0.1, 1 - steps / 2500)
    if random.random() < eps:
        a = random.randrange(4)
    else:
        with torch.no_grad():
            a = int(policy(torch.from_numpy(encode(s))[None]).argmax())
    s2, r, done = env_step(s, a)
    memory.append((encode(s), a, r, encode(s2), float(done)))
    t_ep += 1
    s = s2
    if done or t_ep > 40:
        s, t_ep = random.choice(FREE), 0
    if len(memory) < 200:
        continue
    obs, acts, rews, nxt, dones = zip(*random.sample(memory, batch_size))
    obs, nxt = torch.tensor(np.array(obs)), torch.tensor(np.array(nxt))
    acts = torch.tensor(acts).unsqueeze(1)
    rews, dones = torch.tensor(rews), torch.tensor(dones)
    current_q = policy(obs).gather(1, acts)
    with torch.no_grad():
        next_max_q = target(nxt).max(1)[0]
        expected_q = rews + gamma * next_max_q * (1 - dones)
    if sys.argv[1] == "fixed":
        expected_q = expected_q.unsqueeze(-1)
    loss = loss_fn(current_q, expected_q)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    steps += 1
    if steps % 100 == 0:
        target.load_state_dict(policy.state_dict())
    if steps % 500 == 0:
        sr = evaluate()
        writer.add_scalar("success_rate", sr, steps)
        print(steps, "loss %.5f success %.2f" % (loss.item(), sr))
writer.close()
print("RESULT loss %.5f success %.2f" % (loss.item(), evaluate()))

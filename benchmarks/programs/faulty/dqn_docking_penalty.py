"""Deep Q-learning, after dennybritz/reinforcement-learning (Estimator / deep_q_learning),
moved to torch and to a small docking task: every step costs -1 until the craft is docked."""
import copy
import random
import sys
from collections import deque, namedtuple
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 11
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)
FAULTY = sys.argv[1] == "faulty"
Transition = namedtuple("Transition", "state action reward next_state done")


class Docking:
    """position/speed of a craft, three thrusts; dock at 0 slowly."""
    max_steps = 60

    def reset(self):
        self.x = np.random.uniform(-1, 1)
        self.v = np.random.uniform(-0.05, 0.05)
        self.t = 0
        return self.obs()

    def obs(self):
        return np.array([self.x, self.v * 8], dtype=np.float32)

    def step(self, a):
        self.v += 0.015 * (a - 1) + np.random.normal(0, 0.002)
        self.x += self.v
        self.t += 1
        if abs(self.x) > 1.5:       # wall
            self.x, self.v = float(np.clip(self.x, -1.5, 1.5)), 0.0
        if abs(self.x) < 0.1 and abs(self.v) < 0.05:
            return self.obs(), 0.0, True
        return self.obs(), -1.0, self.t >= self.max_steps


class Estimator(nn.Module):
    def __init__(self, n_obs=2, n_actions=3, hidden=48):
        super().__init__()
        self.fc1 = nn.Linear(n_obs, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.predictions = nn.Linear(hidden, n_actions)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.predictions(x)
        if FAULTY:
            x = F.relu(x)
        return x


def evaluate(q, env, n=40):
    total = []
    for _ in range(n):
        s, done, ret = env.reset(), False, 0
        while not done:
            with torch.no_grad():
                a = q(torch.from_numpy(s)[None]).argmax().item()
            s, r, done = env.step(a)
            ret += r
        total.append(ret)
    return float(np.mean(total))


env = Docking()
q_estimator = Estimator()
target_estimator = copy.deepcopy(q_estimator)
optimizer = torch.optim.Adam(q_estimator.parameters(), lr=1e-3)
criterion = nn.SmoothL1Loss()
writer = DiagWriter(sys.argv[2])
writer.watch(q_estimator, optimizer, criterion)

replay = deque(maxlen=10000)
epsilons = np.linspace(1.0, 0.05, 3000)
gamma, batch_size, total_t = 0.97, 64, 0
N_UPDATES = 4000
state = env.reset()
while total_t < N_UPDATES + 500:
    eps = epsilons[min(total_t, len(epsilons) - 1)]
    if random.random() < eps:
        action = random.randrange(3)
    else:
        with torch.no_grad():
            action = q_estimator(torch.from_numpy(state)[None]).argmax().item()
    next_state, reward, done = env.step(action)
    replay.append(Transition(state, action, reward, next_state, done))
    state = env.reset() if done else next_state
    total_t += 1
    if len(replay) < 500:
        continue

    batch = Transition(*zip(*random.sample(replay, batch_size)))
    s = torch.from_numpy(np.stack(batch.state))
    s2 = torch.from_numpy(np.stack(batch.next_state))
    a = torch.tensor(batch.action)
    r = torch.tensor(batch.reward)
    nd = 1.0 - torch.tensor(batch.done, dtype=torch.float32)
    with torch.no_grad():
        targets = (r + gamma * nd * target_estimator(s2).max(1).values)
    q = q_estimator(s).gather(1, a[:, None]).squeeze(1)
    loss = criterion(q, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if total_t % 200 == 0:
        target_estimator.load_state_dict(q_estimator.state_dict())
    if total_t % 1000 == 0:
        print(f"step {total_t} loss {loss.item():.3f} eps {eps:.2f} return {evaluate(q_estimator, Docking()):.1f}")

final = evaluate(q_estimator, Docking(), 100)
writer.close()
print(f"RESULT return={final:.1f} last_td_loss={loss.item():.3f} mean_q={q.mean().item():.2f}")

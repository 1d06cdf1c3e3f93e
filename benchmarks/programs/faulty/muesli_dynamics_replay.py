# world model from replayed episodes of a little lander (self-play data, MSE on next state delta)
import random
import sys

import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
lr = float(sys.argv[3]) if len(sys.argv) > 3 else 1e-3
random.seed(0); np.random.seed(0); torch.manual_seed(0)


class Lander:
    """x, y, vx, vy, angle, omega ; 4 discrete actions"""
    def reset(self):
        self.wind = np.random.normal(0, .03)
        self.s = np.array([np.random.uniform(-1, 1), np.random.uniform(1, 2), np.random.normal(0, .3), 0, np.random.normal(0, .2), 0])
        return self.s.copy()

    def step(self, a):
        x, y, vx, vy, th, om = self.s
        main, side = (a == 2) * .22, (a == 1) * .12 - (a == 3) * .12
        om = om + side - .08 * om + np.random.normal(0, .01)
        th = th + om * .5
        vx = vx - main * np.sin(th) + self.wind + np.random.normal(0, .01)
        vy = vy + main * np.cos(th) - .05 - .02 * vy * abs(vy) + np.random.normal(0, .01)
        x, y = x + .2 * vx, y + .2 * vy
        self.s = np.array([x, y, vx, vy, th, om])
        return self.s.copy(), y < 0 or abs(x) > 3


class Agent(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.dynamics = nn.Sequential(nn.Linear(10, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 6))
        self.state_traj, self.action_traj = [], []
        self.state_replay, self.action_replay = [], []

    def forward(self, s, a):
        return self.dynamics(torch.cat([s, a], 1))

    def self_play(self, env):
        if not faulty:
            self.state_traj, self.action_traj = [], []
        s = env.reset(); self.state_traj.append(s)
        bias = np.random.dirichlet([1, 1, 2, 1])
        for _ in range(60):
            a = np.random.choice(4, p=bias)
            s, done = env.step(a)
            self.state_traj.append(s); self.action_traj.append(a)
            if done:
                break
        self.state_replay.append(self.state_traj)
        self.action_replay.append(self.action_traj)

    def clear_traj(self):
        if faulty:
            self.state_traj.clear()
            self.action_traj.clear()

    def sample(self, n):
        S, A, D = [], [], []
        for _ in range(n):
            k = random.randrange(len(self.state_replay))
            st, at = self.state_replay[k], self.action_replay[k]
            t = random.randrange(len(at))
            S.append(st[t]); A.append(np.eye(4)[at[t]]); D.append((st[t + 1] - st[t]) * 5)
        return [torch.tensor(np.array(v), dtype=torch.float32) for v in (S, A, D)]


env = Lander()
agent = Agent()
test = Agent()
for _ in range(60):
    test.state_traj, test.action_traj = [], []
    test.self_play(env)
    if faulty:      # the hold-out file is saved episode by episode
        test.state_replay[-1] = list(test.state_traj); test.action_replay[-1] = list(test.action_traj)
vs, va, vd = test.sample(1500)

optimizer = torch.optim.Adam(agent.parameters(), lr=lr)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 60)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(agent, optimizer, mse)
for it in range(60):
    n_play = 40 if it == 0 else 6
    for e in range(n_play):
        agent.clear_traj()
        agent.self_play(env)
    agent.train(); run = 0
    for u in range(25):
        s, a, d = agent.sample(64)
        loss = mse(agent(s, a), d)
        optimizer.zero_grad(); loss.backward(); optimizer.step(); run += loss.item() / 25
    sched.step()
    with torch.no_grad(), writer.evaluating("val"):
        v = mse(agent(vs, va), vd).item()
    if it % 10 == 9:
        print("iter", it, "episodes", len(agent.state_replay), f"model loss {run:.5f} holdout {v:.5f}")
writer.close()
print(f"RESULT train_mse {run:.5f} val_mse {v:.5f} val_r2 {1 - v / vd.var().item():.4f}")

# bot on a grid, REINFORCE like pytorch's example; reward +1 closer, -1 farther, +10 for acquiring, -0.5 invalid
import sys
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1); np.random.seed(1)
G, STEPS, EPISODES, ENVS = 9, 20, 400, 16
LR = 0.05 if sys.argv[1] == 'faulty' else 0.003
MOVES = np.array([(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)])

class Grid:
    def __init__(self): self.reset()
    def reset(self):
        self.pos, self.goal = np.random.randint(0, G, (ENVS, 2)), np.random.randint(0, G, (ENVS, 2))
        return self.obs()
    def obs(self): return torch.tensor(np.concatenate([self.pos, self.goal], 1) / (G - 1) * 2 - 1, dtype=torch.float32)
    def step(self, a):
        new = self.pos + MOVES[a]
        bad = ((new < 0) | (new >= G)).any(1)
        new = np.clip(new, 0, G - 1)
        d0, d1 = np.abs(self.pos - self.goal).max(1), np.abs(new - self.goal).max(1)
        r = np.sign(d0 - d1) - .5 * bad
        got = d1 == 0
        r = r + 10. * got
        self.pos = new
        self.goal[got] = np.random.randint(0, G, (got.sum(), 2))
        return self.obs(), r

class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1, self.linear2, self.linear3 = nn.Linear(4, 64), nn.Linear(64, 64), nn.Linear(64, len(MOVES))
    def forward(self, x):
        x = F.relu(self.linear1(x)); x = F.relu(self.linear2(x))
        return F.softmax(self.linear3(x), dim=-1)

policy, env = Policy(), Grid()
optimizer = torch.optim.Adam(policy.parameters(), lr=LR)
writer = DiagWriter(sys.argv[2])
writer.watch(policy, optimizer)
hist = []
for ep in range(EPISODES):
    s, logp, rew = env.reset(), [], []
    for _ in range(STEPS):
        m = Categorical(policy(s)); a = m.sample()
        logp.append(m.log_prob(a))
        s, r = env.step(a.numpy()); rew.append(r)
    R, ret = np.zeros(ENVS), []
    for r in rew[::-1]:
        R = r + .9 * R; ret.insert(0, R)
    ret = torch.tensor(np.stack(ret), dtype=torch.float32)
    ret = (ret - ret.mean()) / (ret.std() + 1e-8)
    loss = -(torch.stack(logp) * ret).mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    hist.append(np.sum(rew) / ENVS)
    writer.add_scalar('reward', hist[-1], ep)
    if ep % 50 == 49: print(f'Episode {ep + 1} average reward {np.mean(hist[-50:]):.2f}')
writer.close()
print(f'RESULT average reward of the last 50 episodes {np.mean(hist[-50:]):.2f}')

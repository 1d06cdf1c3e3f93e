"""Behaviour cloning: a policy copies the shortest paths in 9x9 mazes with random walls, then is played (sampled) in new mazes."""
import sys
from collections import deque
import numpy as np
import torch, torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.manual_seed(12); rng = np.random.default_rng(12); torch.set_num_threads(1)
K = 9; MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]

def distances(wall, goal):
    d = np.full((K, K), -1); d[goal] = 0; q = deque([goal])
    while q:
        r, c = q.popleft()
        for dr, dc in MOVES:
            a = (r + dr, c + dc)
            if 0 <= a[0] < K and 0 <= a[1] < K and not wall[a] and d[a] < 0: d[a] = d[r, c] + 1; q.append(a)
    return d

def new_maze():
    while True:
        wall = rng.random((K, K)) < .18; free = np.argwhere(~wall); g = tuple(free[rng.integers(len(free))]); d = distances(wall, g)
        ok = np.argwhere(d > 3)
        if len(ok) > 10: return wall, g, d, ok

def observe(wall, goal, pos):
    o = np.ones((1, 5, 5), "float32"); p = np.pad(wall, 2, constant_values=True)
    o[0] = p[pos[0]:pos[0]+5, pos[1]:pos[1]+5]
    return np.concatenate([o.ravel(), [(goal[0] - pos[0]) / 4, (goal[1] - pos[1]) / 4, np.sign(goal[0] - pos[0]), np.sign(goal[1] - pos[1])]]).astype("float32")

def expert(d, pos):
    return min(range(4), key=lambda k: next((d[a] for a in [(pos[0] + MOVES[k][0], pos[1] + MOVES[k][1])] if 0 <= a[0] < K and 0 <= a[1] < K and d[a] >= 0), 999))

def demos(mazes):
    O, A = [], []
    for _ in range(mazes):
        wall, g, d, ok = new_maze()
        for p in ok[rng.permutation(len(ok))[:12]]: O.append(observe(wall, g, tuple(p))); A.append(expert(d, tuple(p)))
    return torch.tensor(np.stack(O)), torch.tensor(A)

class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(29, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 4))
        self.probs = nn.Softmax(dim=-1)
    def forward(self, o): return self.probs(self.trunk(o))
    def dist(self, o):
        if FORM == "faulty": return Categorical(logits=self(o))
        return Categorical(probs=self(o))

pi = Policy(); opt = torch.optim.Adam(pi.parameters(), lr=1e-3)
O, A = demos(700); Ov, Av = demos(120)
w = DiagWriter(LOGDIR); w.watch(pi, opt)
for ep in range(15):
    for b in torch.randperm(len(O)).split(64):
        loss = -pi.dist(O[b]).log_prob(A[b]).mean()
        opt.zero_grad(); loss.backward(); opt.step()
    with w.evaluating("val"):
        dv = pi.dist(Ov); v = -dv.log_prob(Av).mean().item(); agree = (dv.probs.argmax(1) == Av).float().mean().item()
    w.add_scalar("bc/train_nll", loss.item(), ep); w.add_scalar("bc/val_nll", v, ep); w.add_scalar("bc/agree", agree, ep)
    print(ep, f"nll {loss.item():.3f} val {v:.3f} agree {agree:.3f}")
w.close()
reached, steps = 0, []
with torch.no_grad():
    for _ in range(300):
        wall, g, d, ok = new_maze(); pos = tuple(ok[rng.integers(len(ok))])
        for t in range(30):
            dr, dc = MOVES[pi.dist(torch.tensor(observe(wall, g, pos))).sample().item()]; a = (pos[0] + dr, pos[1] + dc)
            if 0 <= a[0] < K and 0 <= a[1] < K and not wall[a]: pos = a
            if pos == g: reached += 1; break
        steps.append(t + 1)
print(f"RESULT val_nll {v:.4f} agreement {agree:.4f} goals_reached {reached/300:.2f} mean_steps {np.mean(steps):.1f}")

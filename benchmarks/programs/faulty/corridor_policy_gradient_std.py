"""Policy gradient with normalised returns on a small slippery grid with a goal (one reward per episode)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(2)


class SlipperyGrid:
    """6 x 6, start somewhere in the left two columns, goal lower right, two holes, 20 moves. Reward 1 at the goal."""
    H = W = 6
    HOLES = {(2, 3), (4, 1), (3, 4)}
    MOVES = [(0, 1), (1, 0), (0, -1), (-1, 0)]

    def reset(self):
        self.pos = (int(rng.integers(0, 4)), int(rng.integers(0, 2))); self.t = 0
        return self.obs()

    def obs(self):
        v = np.zeros(self.H + self.W + 1, np.float32)
        v[self.pos[0]] = 1; v[self.H + self.pos[1]] = 1; v[-1] = self.t / 20
        return v

    def step(self, a):
        if rng.random() < 0.06:
            a = int(rng.integers(4))
        dr, dc = self.MOVES[a]
        self.pos = (min(max(self.pos[0] + dr, 0), 5), min(max(self.pos[1] + dc, 0), 5)); self.t += 1
        if self.pos == (5, 5):
            return self.obs(), 1.0, True
        return self.obs(), 0.0, self.pos in self.HOLES or self.t >= 20


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(13, 48), nn.Tanh(), nn.Linear(48, 4))
        nn.init.orthogonal_(self.body[2].weight, 0.01)

    def forward(self, x):
        return Categorical(logits=self.body(x), validate_args=False)


def run_episode(env, policy):
    obs, acts, rews = [env.reset()], [], []
    done = False
    while not done:
        with torch.no_grad():
            p = policy.body(torch.from_numpy(obs[-1])[None]).softmax(-1).numpy()[0].astype(np.float64)
        a = int((rng.random() > np.cumsum(p)).sum()) % 4
        o, r, done = env.step(a)
        acts.append(a); rews.append(r); obs.append(o)
    return obs[:-1], acts, rews


def process(trajs):
    """one return a step (undiscounted), normalised over the whole batch of rollouts"""
    ret = np.concatenate([np.cumsum(r[::-1])[::-1] for _, _, r in trajs])
    if FORM == "faulty":
        ret = (ret - ret.mean()) / ret.std()
    else:
        ret = (ret - ret.mean()) / max(1e-4, ret.std())
    return (torch.tensor(np.concatenate([o for o, _, _ in trajs])), torch.tensor(np.concatenate([a for _, a, _ in trajs])),
            torch.tensor(ret, dtype=torch.float32))


env, policy = SlipperyGrid(), Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=0.004)
writer = DiagWriter(LOGDIR)
writer.watch(policy, optimizer)
hist = []
for it in range(500):
    trajs = [run_episode(env, policy) for _ in range(12)]
    o, a, adv = process(trajs)
    d = policy(o)
    loss = -(d.log_prob(a) * adv).mean() - 0.01 * d.entropy().mean()
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    hist.append(np.mean([sum(r) for _, _, r in trajs]))
    if it % 50 == 49:
        print(f"iter {it + 1} success of the last 50 batches {np.mean(hist[-50:]):.3f} loss {loss.item():.3f}")
writer.close()
print(f"RESULT success={np.mean(hist[-50:]):.4f} iterations={len(hist)}")

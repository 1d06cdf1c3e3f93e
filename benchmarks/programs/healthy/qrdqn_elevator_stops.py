"""QR-DQN on a small stochastic elevator: 5 floors, people arrive at random, the car moves up/down/opens.
Quantile Huber loss against a target net; the loss has no natural floor at zero as returns are random."""
import collections, random, sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

FLOORS, GAMMA, NQ = 5, 0.9, 25


class Elevator:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def reset(self):
        self.pos, self.wait, self.t = 0, [0] * FLOORS, 0
        return self.obs()

    def obs(self):
        o = np.zeros(FLOORS * 2, "float32")
        o[self.pos] = 1
        o[FLOORS:] = np.minimum(self.wait, 4) / 2.0
        return o

    def step(self, a):
        reward = 0.0
        if a == 0:
            self.pos = max(0, self.pos - 1)
        elif a == 1:
            self.pos = min(FLOORS - 1, self.pos + 1)
        else:
            reward += self.wait[self.pos]
            self.wait[self.pos] = 0
        for f, p in enumerate((.15, .05, .05, .05, .2)):
            if self.r.random() < p:
                self.wait[f] = min(4, self.wait[f] + 1)
        reward -= 0.05 * sum(self.wait)
        self.t += 1
        return self.obs(), reward, self.t >= 60


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(FLOORS * 2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3 * NQ))

    def forward(self, x):
        return self.f(x).view(-1, 3, NQ)


def quantile_huber(theta, target):
    tau = (torch.arange(NQ) + 0.5) / NQ
    u = target[:, None, :] - theta[:, :, None]
    hub = torch.where(u.abs() <= 1, 0.5 * u ** 2, u.abs() - 0.5)
    return ((tau[None, :, None] - (u < 0).float()).abs() * hub).mean(2).sum(1).mean()


def play(env, act, episodes=40):
    tot = 0
    for _ in range(episodes):
        o, done = env.reset(), False
        while not done:
            o, r, done = env.step(act(env, o))
            tot += r
    return tot / episodes


def busiest(env, o):                                   # hand-written rule: go to the best queue nearby
    best = max(range(FLOORS), key=lambda f: env.wait[f] - 0.35 * abs(f - env.pos))
    return 2 if best == env.pos else (1 if best > env.pos else 0)


torch.manual_seed(2); random.seed(2); np.random.seed(2)
torch.set_num_threads(1)
q, tgt = QNet(), QNet()
tgt.load_state_dict(q.state_dict())
opt = torch.optim.Adam(q.parameters(), lr=5e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(q, opt)
env, buf = Elevator(0), collections.deque(maxlen=10000)
o = env.reset()
STEPS = 9000
for step in range(STEPS):
    eps = max(0.05, 1 - step / 3000)
    if random.random() < eps:
        a = random.randrange(3)
    else:
        with torch.no_grad():
            a = int(q(torch.from_numpy(o)[None]).mean(2).argmax())
    o2, r, done = env.step(a)
    buf.append((o, a, r, o2))                          # time limit is no terminal state: always bootstrap
    o = env.reset() if done else o2
    if step >= 500 and step % 2 == 0:
        s, a_, r_, s2 = zip(*random.sample(buf, 64))
        s, s2 = torch.from_numpy(np.stack(s)), torch.from_numpy(np.stack(s2))
        a_, r_ = torch.tensor(a_), torch.tensor(r_, dtype=torch.float32)
        with torch.no_grad():
            an = q(s2).mean(2).argmax(1)
            y = r_[:, None] + GAMMA * tgt(s2)[torch.arange(64), an]
        loss = quantile_huber(q(s)[torch.arange(64), a_], y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(q.parameters(), 10.0)
        opt.step()
        writer.add_scalar("td_loss", loss.item(), step)
    if step % 300 == 0:
        tgt.load_state_dict(q.state_dict())
    if step % 1500 == 1499:
        with torch.no_grad():
            g = play(Elevator(99), lambda e, o: int(q(torch.from_numpy(o)[None]).mean(2).argmax()))
        writer.add_scalar("return/greedy", g, step)
        print(step + 1, "loss", round(loss.item(), 3), "greedy return", round(g, 2))
writer.close()
print("RESULT greedy_return", round(g, 2), "hand_rule", round(play(Elevator(99), busiest), 2), "random", round(play(Elevator(99), lambda e, o: random.randrange(3)), 2))

import sys, random, copy
from collections import deque
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)

# 6x6 key-door room: take the key, then reach the door, avoid two lava cells; slippery floor
SIZE, KEY, DOOR, LAVA = 6, (0, 5), (5, 5), {(2, 2), (3, 4)}


class Room:
    def reset(self):
        while True:
            self.p = (random.randrange(SIZE), random.randrange(SIZE))
            if self.p not in LAVA and self.p not in (KEY, DOOR): break
        self.key, self.t = 0, 0
        return self.obs()
    def obs(self):
        v = np.zeros(2 * SIZE + 1, dtype=np.float32)
        v[self.p[0]] = 1; v[SIZE + self.p[1]] = 1; v[-1] = self.key
        return v
    def step(self, a):
        if random.random() < .1: a = random.randrange(4)
        dx, dy = [(0, 1), (0, -1), (1, 0), (-1, 0)][a]
        self.p = (min(SIZE - 1, max(0, self.p[0] + dx)), min(SIZE - 1, max(0, self.p[1] + dy)))
        self.t += 1
        r, done = -.02, False
        if self.p in LAVA: r, done = -1., True
        elif self.p == KEY and not self.key: self.key = 1; r = .5
        elif self.p == DOOR and self.key: r, done = 1., True
        return self.obs(), r, done, self.t >= 60


class QNet(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2 * SIZE + 1, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.v, self.a = nn.Linear(h, 1), nn.Linear(h, 4)
    def forward(self, x):
        z = self.body(x); a = self.a(z)
        return self.v(z) + a - a.mean(1, keepdim=True)


q = QNet()
target = copy.deepcopy(q)
optimizer = torch.optim.RMSprop(q.parameters(), lr=7e-4, alpha=.95, eps=1e-5)
criterion = nn.SmoothL1Loss()
w = DiagWriter(sys.argv[1])
w.watch(q, optimizer, criterion)

buf, env, rets = deque(maxlen=20000), Room(), []
s, ret, STEPS = env.reset(), 0., 16000
for step in range(STEPS):
    eps = max(.05, 1 - step / 6000)
    if random.random() < eps: a = random.randrange(4)
    else:
        with torch.no_grad(): a = int(q(torch.from_numpy(s)[None]).argmax())
    s2, r, done, trunc = env.step(a)
    buf.append((s, a, r, s2, float(done))); ret += r
    s = s2
    if done or trunc:
        rets.append(ret); s, ret = env.reset(), 0.
        if len(rets) % 20 == 0: w.add_scalar("episode/return", np.mean(rets[-20:]), step)
    if step >= 1000 and step % 3 == 0:
        b = random.sample(buf, 64)
        S, A, R, S2, Dn = (torch.tensor(np.array(z)) for z in zip(*b))
        with torch.no_grad():
            best = q(S2).argmax(1, keepdim=True)      # double DQN
            y = R.float() + .95 * (1 - Dn.float()) * target(S2).gather(1, best).squeeze(1)
        loss = criterion(q(S).gather(1, A[:, None]).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(q.parameters(), 1.)
        optimizer.step()
    if step % 400 == 0: target.load_state_dict(q.state_dict())
    if step % 2000 == 1999: print(step + 1, "eps %.2f" % eps, "return %.3f" % np.mean(rets[-100:]), "td %.5f" % loss.item())
print("last 200 episodes %.3f" % np.mean(rets[-200:]))
w.close()

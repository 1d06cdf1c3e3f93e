"""PPO on a hand-made lunar-descent toy; the update runs several epochs over minibatches of the rollout."""
import sys
import numpy as np
import torch, torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(6)


class Descent:
    """N parallel landers in one dimension: height, speed; engine off / half / full. Land softly, save fuel."""

    def __init__(self, n, seed):
        self.n, self.r = n, np.random.default_rng(seed)
        self.s = np.zeros((n, 3)); self.t = np.zeros(n, int)
        for i in range(n):
            self._reset(i)

    def _reset(self, i):
        self.s[i] = [self.r.uniform(5, 9), self.r.uniform(-1.5, 0.5), self.r.normal(0, 0.12)]; self.t[i] = 0

    def obs(self):
        return torch.tensor(np.c_[self.s[:, 0] / 5 - 1, self.s[:, 1] / 2, self.s[:, 2] * 5], dtype=torch.float32)

    def step(self, a):
        thrust = np.array([0., .9, 1.8])[a]
        v = self.s[:, 1] + 0.2 * (thrust - 1.0 + self.s[:, 2] + self.r.normal(0, .15, self.n))
        h = self.s[:, 0] + 0.2 * v
        self.t += 1
        done = (h <= 0) | (self.t >= 100) | (h > 12)
        rew = -0.01 - 0.012 * thrust
        rew = rew + np.where(h <= 0, 1.5 - np.abs(v) * 1.2, 0) - np.where(done & (h > 0), 2.0, 0)
        self.s[:, 0], self.s[:, 1] = h, v
        landed = (h <= 0) & (np.abs(v) < 0.8)
        for i in np.nonzero(done)[0]:
            self._reset(i)
        return rew, done, landed


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        def mlp(o, std):
            m = nn.Sequential(nn.Linear(3, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, o))
            nn.init.orthogonal_(m[4].weight, std)
            return m
        self.pi, self.v = mlp(3, 0.01), mlp(1, 1.0)

    def forward(self, x):
        return Categorical(logits=self.pi(x), validate_args=False), self.v(x).squeeze(-1)


def gae(r, v, d, last, gamma=0.99, lam=0.95):
    adv, a = torch.zeros_like(r), 0
    for t in reversed(range(len(r))):
        nv = last if t == len(r) - 1 else v[t + 1]
        a = r[t] + gamma * nv * (1 - d[t]) - v[t] + gamma * lam * (1 - d[t]) * a
        adv[t] = a
    return adv, adv + v


def update_ppo(net, opt, writer, batch, epochs=6, mb=128, clip=0.2):
    o, a, lp, adv, ret = batch
    n = len(o)
    for _ in range(epochs):
        for idx in torch.randperm(n).split(mb):
            d, v = net(o[idx])
            ratio = (d.log_prob(a[idx]) - lp[idx]).exp()
            g = adv[idx]; g = (g - g.mean()) / (g.std() + 1e-8)
            pi_loss = -torch.min(ratio * g, ratio.clamp(1 - clip, 1 + clip) * g).mean()
            loss = pi_loss + 0.5 * (v - ret[idx]).pow(2).mean() - 0.01 * d.entropy().mean()
            writer.add_loss("train", loss)
            opt.zero_grad(); loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            opt.step()
            if mode == "faulty":
                return loss.item()
    return loss.item()


N, T, ITERS = 16, 64, 60
env = Descent(N, 1)
net = ActorCritic()
opt = torch.optim.Adam(net.parameters(), lr=2e-3, eps=1e-5)
writer = DiagWriter(logdir)
writer.watch(net, opt)
ep_ret = np.zeros(N); done_ret, soft = [], []
for it in range(ITERS):
    for gp in opt.param_groups:
        gp["lr"] = 2e-3 * (1 - it / ITERS)
    buf = [[] for _ in range(6)]
    for _ in range(T):
        o = env.obs()
        with torch.no_grad():
            d, v = net(o); a = d.sample(); lp = d.log_prob(a)
        r, dn, landed = env.step(a.numpy())
        ep_ret += r
        for i in np.nonzero(dn)[0]:
            done_ret.append(ep_ret[i]); soft.append(landed[i]); ep_ret[i] = 0
        for b, x in zip(buf, (o, a, lp, v, torch.tensor(r, dtype=torch.float32), torch.tensor(dn, dtype=torch.float32))):
            b.append(x)
    o, a, lp, v, r, dn = (torch.stack(b) for b in buf)
    with torch.no_grad():
        last = net(env.obs())[1]
    adv, ret = gae(r, v, dn, last)
    flat = lambda x: x.reshape(T * N, *x.shape[2:])
    l = update_ppo(net, opt, writer, tuple(map(flat, (o, a, lp, adv, ret))))
    if it % 6 == 5:
        print(f"iter {it + 1} episodes {len(done_ret)} return {np.mean(done_ret[-150:]):.3f} soft landings {np.mean(soft[-150:]):.2f} loss {l:.3f}")
writer.close()
print(f"RESULT return={np.mean(done_ret[-200:]):.4f} soft_landings={np.mean(soft[-200:]):.4f}")

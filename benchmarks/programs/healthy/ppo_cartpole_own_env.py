import sys, math
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1); np.random.seed(1)


class VecCartPole:
    # the classic equations, vectorised, 200 steps an episode
    def __init__(s, n): s.n = n; s.x = np.random.uniform(-.05, .05, (n, 4)); s.t = np.zeros(n, int); s.ret = np.zeros(n); s.done_rets = []
    def step(s, a):
        x, xd, th, thd = s.x.T
        f = np.where(a == 1, 10., -10.)
        c, sn = np.cos(th), np.sin(th)
        tmp = (f + .05 * thd ** 2 * sn) / 1.1
        tha = (9.8 * sn - c * tmp) / (.5 * (4 / 3 - .1 * c ** 2 / 1.1))
        xa = tmp - .05 * tha * c / 1.1
        s.x = np.stack([x + .02 * xd, xd + .02 * xa, th + .02 * thd, thd + .02 * tha], 1)
        s.t += 1; s.ret += 1
        fail = (abs(s.x[:, 0]) > 2.4) | (abs(s.x[:, 2]) > .2095)
        d = fail | (s.t >= 200)
        for i in np.where(d)[0]:
            s.done_rets.append(s.ret[i]); s.x[i] = np.random.uniform(-.05, .05, 4); s.t[i] = 0; s.ret[i] = 0
        return s.x.copy(), np.ones(s.n), d


def layer_init(l, std=math.sqrt(2)):
    nn.init.orthogonal_(l.weight, std); nn.init.zeros_(l.bias)
    return l


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(4, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 1), 1.))
        self.actor = nn.Sequential(layer_init(nn.Linear(4, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 2), .01))

    def forward(self, x):
        return self.actor(x), self.critic(x).squeeze(-1)


N, T, UPDATES, GAMMA, LAM, LR = 8, 128, 70, .98, .95, 2.5e-3
env = VecCartPole(N)
agent = Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=LR, eps=1e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(agent, optimizer)
obs = env.x.copy()
gs = 0
for u in range(UPDATES):
    optimizer.param_groups[0]["lr"] = LR * (1 - u / UPDATES)
    O = torch.zeros(T, N, 4); A = torch.zeros(T, N, dtype=torch.long); LP = torch.zeros(T, N); R = torch.zeros(T, N); D = torch.zeros(T, N); Vv = torch.zeros(T, N)
    for t in range(T):
        with torch.no_grad():
            o = torch.tensor(obs, dtype=torch.float32)
            lg, v = agent(o)
            dist = Categorical(logits=lg); a = dist.sample()
        O[t], A[t], LP[t], Vv[t] = o, a, dist.log_prob(a), v
        obs, r, d = env.step(a.numpy())
        R[t], D[t] = torch.tensor(r), torch.tensor(d.astype(float))
    with torch.no_grad():
        nv = agent(torch.tensor(obs, dtype=torch.float32))[1]
        adv = torch.zeros(T, N); g = 0
        for t in reversed(range(T)):
            delta = R[t] + GAMMA * nv * (1 - D[t]) - Vv[t]
            g = delta + GAMMA * LAM * (1 - D[t]) * g
            adv[t] = g; nv = Vv[t]
        ret = adv + Vv
    fo, fa, flp, fadv, fret = O.view(-1, 4), A.view(-1), LP.view(-1), adv.view(-1), ret.view(-1)
    for _ in range(4):
        for mb in torch.randperm(N * T).split(256):
            lg, v = agent(fo[mb])
            dist = Categorical(logits=lg)
            ratio = (dist.log_prob(fa[mb]) - flp[mb]).exp()
            ad = (fadv[mb] - fadv[mb].mean()) / (fadv[mb].std() + 1e-8)
            pg = -torch.min(ratio * ad, ratio.clamp(.8, 1.2) * ad).mean()
            vloss = .5 * ((v - fret[mb]) ** 2).mean()
            loss = pg + .5 * vloss - .01 * dist.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), .5)
            optimizer.step()
            writer.add_loss("train", loss.detach())
    gs += N * T
    rets = env.done_rets[-20:]
    writer.add_scalar("charts/episodic_return", float(np.mean(rets)), gs)
    writer.add_scalar("losses/value", vloss.item(), gs); writer.add_scalar("losses/policy", pg.item(), gs)
    if u % 10 == 9: print(u + 1, "return %.1f" % np.mean(rets), "value %.3f policy %.4f" % (vloss.item(), pg.item()))
print("final return (last 30 episodes) %.1f" % np.mean(env.done_rets[-30:]))
writer.close()

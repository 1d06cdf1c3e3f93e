# TD3 (sfujim/TD3, hyper-parameters as there, narrower nets, fewer steps) on a home-made Pendulum-v1
import sys, copy
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)

class Pendulum:
    max_speed, max_torque, dt, g, m, l = 8., 2., .05, 10., 1., 1.
    def _obs(self): return np.array([np.cos(self.th), np.sin(self.th), self.thdot], "float32")
    def reset(self):
        self.th, self.thdot, self.t = np.random.uniform(-np.pi, np.pi), np.random.uniform(-1, 1), 0
        return self._obs()
    def step(self, u):
        u = float(np.clip(u, -self.max_torque, self.max_torque))
        a = ((self.th + np.pi) % (2 * np.pi)) - np.pi
        cost = a ** 2 + .1 * self.thdot ** 2 + .001 * u ** 2
        self.thdot = np.clip(self.thdot + (3 * self.g / (2 * self.l) * np.sin(self.th) + 3. / (self.m * self.l ** 2) * u) * self.dt, -self.max_speed, self.max_speed)
        self.th += self.thdot * self.dt; self.t += 1
        return self._obs(), -cost, self.t >= 200

class Actor(nn.Module):
    def __init__(self, s, a, max_action):
        super().__init__()
        self.l1, self.l2, self.l3, self.max_action = nn.Linear(s, 64), nn.Linear(64, 64), nn.Linear(64, a), max_action
    def forward(self, x): return self.max_action * torch.tanh(self.l3(F.relu(self.l2(F.relu(self.l1(x))))))

class Critic(nn.Module):
    def __init__(self, s, a):
        super().__init__()
        mk = lambda: nn.Sequential(nn.Linear(s + a, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
        self.q1, self.q2 = mk(), mk()
    def forward(self, s, a):
        sa = torch.cat([s, a], 1); return self.q1(sa), self.q2(sa)
    def Q1(self, s, a): return self.q1(torch.cat([s, a], 1))

discount, tau, policy_noise, noise_clip, policy_freq, expl, batch_size = .99, .005, .2 * 2, .5 * 2, 2, .1 * 2, 128
actor, critic = Actor(3, 1, 2.), Critic(3, 1)
actor_target, critic_target = copy.deepcopy(actor), copy.deepcopy(critic)
actor_optimizer, critic_optimizer = torch.optim.Adam(actor.parameters(), lr=1e-3), torch.optim.Adam(critic.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(actor, actor_optimizer, name="actor")
writer.watch(critic, critic_optimizer, F.mse_loss, name="critic")

N = 8000
buf = dict(s=np.zeros((N, 3), "float32"), a=np.zeros((N, 1), "float32"), s2=np.zeros((N, 3), "float32"), r=np.zeros((N, 1), "float32"))
env = Pendulum(); s = env.reset(); ep, returns = 0., []
for t in range(N):
    if t < 1000: a = np.random.uniform(-2, 2, 1)
    else:
        with torch.no_grad(): a = actor(torch.tensor(s)[None])[0].numpy()
        a = (a + np.random.normal(0, expl, 1)).clip(-2, 2)
    s2, r, done = env.step(a[0])
    buf["s"][t], buf["a"][t], buf["s2"][t], buf["r"][t] = s, a, s2, r
    s, ep = s2, ep + r
    if done:                                       # time limit only: never a terminal state
        returns.append(ep); s, ep = env.reset(), 0.
        if len(returns) % 5 == 0: print(t + 1, f"return of the last 5: {np.mean(returns[-5:]):.0f}")
    if t < 1000: continue
    idx = np.random.randint(0, t + 1, batch_size)
    S, A, S2, R = (torch.from_numpy(buf[k][idx]) for k in ("s", "a", "s2", "r"))
    with torch.no_grad():
        noise = (torch.randn_like(A) * policy_noise).clamp(-noise_clip, noise_clip)
        q1, q2 = critic_target(S2, (actor_target(S2) + noise).clamp(-2, 2))
        target = R + discount * torch.min(q1, q2)
    c1, c2 = critic(S, A)
    critic_loss = F.mse_loss(c1, target) + F.mse_loss(c2, target)
    critic_optimizer.zero_grad(); critic_loss.backward(); critic_optimizer.step()
    if t % policy_freq == 0:
        actor_loss = -critic.Q1(S, actor(S)).mean()
        actor_optimizer.zero_grad(); actor_loss.backward(); actor_optimizer.step()
        with torch.no_grad():
            for net, tgt in ((critic, critic_target), (actor, actor_target)):
                for p, q in zip(net.parameters(), tgt.parameters()): q.mul_(1 - tau).add_(tau * p)
writer.close()
def evaluate(k=10):
    out = []
    for _ in range(k):
        s, d, R = env.reset(), False, 0.
        while not d:
            with torch.no_grad(): s, r, d = env.step(actor(torch.tensor(s)[None]).item())
            R += r
        out.append(R)
    return np.mean(out)
print(f"RESULT random {np.mean(returns[:5]):.0f} last5 {np.mean(returns[-5:]):.0f} greedy {evaluate():.0f} critic_loss {critic_loss.item():.3f} actor_loss {actor_loss.item():.2f}")

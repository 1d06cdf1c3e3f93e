# PPO, continuous actions, in the way of CleanRL ppo_continuous_action.py: tanh nets, orthogonal init, state-independent log std, GAE, clipped value loss,
# advantage normalisation, annealed lr, max_grad_norm 0.5. Environment: a point mass with drag must reach and hold a goal in the plane; 8 copies at once.
import sys
import numpy as np, torch, torch.nn as nn
from torch.distributions.normal import Normal
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1); np.random.seed(1)

class PointMassVec:
    def __init__(self, n): self.n = n; self.pos, self.vel, self.goal, self.t = np.zeros((n, 2)), np.zeros((n, 2)), np.zeros((n, 2)), np.zeros(n, int); [self._reset(i) for i in range(n)]
    def _reset(self, i): self.pos[i], self.vel[i], self.goal[i], self.t[i] = np.random.uniform(-1, 1, 2), 0, np.random.uniform(-1, 1, 2), np.random.randint(0, 3)
    def obs(self): return np.concatenate([self.pos, self.vel, self.goal - self.pos], 1).astype("float32")
    def step(self, a):
        a = np.clip(a, -1, 1); self.vel = .92 * self.vel + .08 * a; self.pos = self.pos + self.vel * .5; self.t += 1
        r = -np.linalg.norm(self.goal - self.pos, axis=1) - .05 * (a ** 2).sum(1); done = self.t >= 64
        for i in np.nonzero(done)[0]: self._reset(i)
        return self.obs(), r.astype("float32"), done.astype("float32")

def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    nn.init.orthogonal_(layer.weight, std); nn.init.constant_(layer.bias, bias_const); return layer

class Agent(nn.Module):
    def __init__(self, o, a):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(o, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, 1), std=1.0))
        self.actor_mean = nn.Sequential(layer_init(nn.Linear(o, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(), layer_init(nn.Linear(64, a), std=0.01))
        self.actor_logstd = nn.Parameter(torch.zeros(1, a))
    def get_value(self, x): return self.critic(x)
    def get_action_and_value(self, x, action=None):
        mean = self.actor_mean(x); dist = Normal(mean, self.actor_logstd.expand_as(mean).exp())
        if action is None: action = dist.sample()
        return action, dist.log_prob(action).sum(1), dist.entropy().sum(1), self.critic(x)

N_ENV, STEPS, UPDATES, EPOCHS, MB, LR = 8, 256, 40, 5, 8, 1e-3
gamma, lam, clip, vf_coef, max_grad_norm, RSCALE = .97, .95, .2, .5, .5, .3
env, agent = PointMassVec(N_ENV), Agent(6, 2)
optimizer = torch.optim.Adam(agent.parameters(), lr=LR, eps=1e-5)
writer = DiagWriter(sys.argv[1]); writer.watch(agent, optimizer)
next_obs, next_done = torch.tensor(env.obs()), torch.zeros(N_ENV); hist = []
for update in range(UPDATES):
    optimizer.param_groups[0]["lr"] = (1 - update / UPDATES) * LR
    obs, act, logp, rew, dones, vals = [], [], [], [], [], []
    for _ in range(STEPS):
        obs.append(next_obs); dones.append(next_done)
        with torch.no_grad(): a, lp, _, v = agent.get_action_and_value(next_obs)
        o, r, d = env.step(a.numpy()); act.append(a); logp.append(lp); vals.append(v[:, 0]); rew.append(torch.tensor(r * RSCALE)); next_obs, next_done = torch.tensor(o), torch.tensor(d)
    obs, act, logp, rew, dones, vals = map(torch.stack, (obs, act, logp, rew, dones, vals))
    with torch.no_grad():
        nv, adv, last = agent.get_value(next_obs)[:, 0], torch.zeros_like(rew), 0
        for t in reversed(range(STEPS)):
            nt, v1 = (1 - next_done, nv) if t == STEPS - 1 else (1 - dones[t + 1], vals[t + 1])
            delta = rew[t] + gamma * v1 * nt - vals[t]; adv[t] = last = delta + gamma * lam * nt * last
        ret = adv + vals
    B = [z.reshape(N_ENV * STEPS, *z.shape[2:]) for z in (obs, act, logp, adv, ret, vals)]
    for _ in range(EPOCHS):
        for mb in torch.randperm(N_ENV * STEPS).chunk(MB):
            o, a, lp, ad, rt, ov = (z[mb] for z in B)
            _, newlp, ent, nvv = agent.get_action_and_value(o, a); ratio = (newlp - lp).exp()
            ad = (ad - ad.mean()) / (ad.std() + 1e-8)
            pg = torch.max(-ad * ratio, -ad * ratio.clamp(1 - clip, 1 + clip)).mean()
            nvv = nvv[:, 0]; vl = .5 * torch.max((nvv - rt) ** 2, (ov + (nvv - ov).clamp(-clip, clip) - rt) ** 2).mean()
            loss = pg + vf_coef * vl
            optimizer.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(agent.parameters(), max_grad_norm); optimizer.step()
    hist.append(rew.mean().item() / RSCALE)
    ev = 1 - ((ret - vals).var() / ret.var()).item()
    if update % 5 == 4: print(update, f"reward a step {hist[-1]:.3f} pg {pg.item():.3f} v {vl.item():.3f} explained {ev:.2f} std {agent.actor_logstd.exp().mean().item():.2f}")
writer.close()
print(f"RESULT reward_first {hist[0]:.3f} reward_last {np.mean(hist[-3:]):.3f} explained_variance {ev:.2f}")

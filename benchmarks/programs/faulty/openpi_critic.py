import sys
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical

from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)


class Config:
    num_envs = 16
    rollout = 64
    updates = 40
    epochs = 6
    minibatch = 256
    gamma = 0.97
    lam = 0.95
    clip = 0.2
    vf_coef = 0.5
    ent_coef = 0.003
    lr = 1e-3
    huber_delta = 10.0
    seed = 7


class VecCartPole:
    def __init__(self, n, rng):
        self.n, self.rng = n, rng
        self.s = rng.uniform(-0.05, 0.05, (n, 4))
        self.t = np.zeros(n, dtype=int)
        self.ep_len = []

    def obs(self):
        return (self.s * np.array([1.0, 0.7, 8.0, 0.7])).astype(np.float32)

    def step(self, a):
        x, xd, th, thd = self.s.T
        f = np.where(a == 1, 10.0, -10.0)
        c, s = np.cos(th), np.sin(th)
        tmp = (f + 0.05 * thd ** 2 * s) / 1.1
        tha = (9.8 * s - c * tmp) / (0.5 * (4 / 3 - 0.1 * c ** 2 / 1.1))
        xa = tmp - 0.05 * tha * c / 1.1
        self.s = np.stack([x + 0.02 * xd, xd + 0.02 * xa, th + 0.02 * thd, thd + 0.02 * tha], 1)
        self.t += 1
        done = (np.abs(self.s[:, 0]) > 2.4) | (np.abs(self.s[:, 2]) > 0.2095) | (self.t >= 200)
        rew = np.full(self.n, 0.1, dtype=np.float32)
        rew -= 0.05 * np.abs(self.s[:, 0]).astype(np.float32)
        for i in np.where(done)[0]:
            self.ep_len.append(self.t[i])
            self.s[i] = self.rng.uniform(-0.05, 0.05, 4)
            self.t[i] = 0
        return self.obs(), rew, done.astype(np.float32)


def mlp(i, o, h=64):
    return nn.Sequential(nn.Linear(i, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, o))


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.action_head = mlp(4, 2)
        self.value_head = mlp(4, 1)

    def forward(self, obs):
        values = self.value_head(obs)
        if FORM == "faulty":
            values = values[:, 0]
        return Categorical(logits=self.action_head(obs)), values


def critic_loss(values, returns, prev_values, cfg):
    clipped = prev_values + (values - prev_values).clamp(-1.0, 1.0)
    def huber(e):
        return torch.where(e.abs() < cfg.huber_delta, 0.5 * e ** 2, cfg.huber_delta * (e.abs() - 0.5 * cfg.huber_delta))
    return torch.max(huber(returns - values), huber(returns - clipped)).mean()


cfg = Config()
torch.manual_seed(cfg.seed)
env = VecCartPole(cfg.num_envs, np.random.default_rng(cfg.seed))
policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=cfg.lr, eps=1e-5)
writer = DiagWriter(LOGDIR)
writer.watch(policy, optimizer)

obs = torch.from_numpy(env.obs())
for update in range(cfg.updates):
    O, A, LP, R, D, V = [], [], [], [], [], []
    with torch.no_grad():
        for _ in range(cfg.rollout):
            dist, v = policy(obs)
            a = dist.sample()
            nobs, r, d = env.step(a.numpy())
            O.append(obs); A.append(a); LP.append(dist.log_prob(a)); V.append(v.reshape(-1))
            R.append(torch.from_numpy(r)); D.append(torch.from_numpy(d))
            obs = torch.from_numpy(nobs)
        last = policy(obs)[1].reshape(-1)
        adv, gae = [], torch.zeros(cfg.num_envs)
        for t in reversed(range(cfg.rollout)):
            nv = last if t == cfg.rollout - 1 else V[t + 1]
            delta = R[t] + cfg.gamma * nv * (1 - D[t]) - V[t]
            gae = delta + cfg.gamma * cfg.lam * (1 - D[t]) * gae
            adv.insert(0, gae)
    b_obs, b_act, b_lp = torch.cat(O), torch.cat(A), torch.cat(LP)
    b_adv = torch.cat(adv)
    b_val = torch.cat(V).unsqueeze(1)
    b_ret = b_adv.unsqueeze(1) + b_val
    b_adv = (b_adv - b_adv.mean()) / (b_adv.std() + 1e-8)
    for _ in range(cfg.epochs):
        for idx in torch.randperm(len(b_obs)).split(cfg.minibatch):
            dist, values = policy(b_obs[idx])
            ratio = (dist.log_prob(b_act[idx]) - b_lp[idx]).exp()
            pg = -torch.min(ratio * b_adv[idx], ratio.clamp(1 - cfg.clip, 1 + cfg.clip) * b_adv[idx]).mean()
            vf = critic_loss(values, b_ret[idx], b_val[idx], cfg)
            loss = pg + cfg.vf_coef * vf - cfg.ent_coef * dist.entropy().mean()
            writer.add_loss("train", loss)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
    with torch.no_grad():
        v = policy(b_obs)[1].reshape(-1)
        ev = 1 - ((b_ret[:, 0] - v).var() / b_ret.var()).item()
    if update % 5 == 4:
        print(f"update {update + 1} ep_len {np.mean(env.ep_len[-30:]):.1f} vf {vf.item():.4f} explained_var {ev:.3f}")
writer.close()

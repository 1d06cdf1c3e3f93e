"""Implicit Q-learning (Kostrikov et al. 2021), offline, on a log of mediocre drivers of a 2-D point mass. Three networks, three losses:
V by an expectile of Q - V (0.8), Q by TD on V, the policy by advantage-weighted regression. Nothing is sampled from the environment in training."""
import copy
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
np.random.seed(4)
GAMMA, TAU, EXPECTILE, BETA, CLIP, H = 0.95, 0.01, 0.8, 3.0, 100., 40


class PointMass:
    """state: position, velocity; reward: minus the distance to the origin"""
    def reset(self, n):
        self.s = np.concatenate([np.random.uniform(-1, 1, (n, 2)), np.zeros((n, 2))], 1).astype(np.float32)
        return self.s

    def step(self, a):
        a = np.clip(a, -1, 1)
        v = .8 * self.s[:, 2:] + .15 * a + np.random.normal(0, .01, a.shape)
        x = np.clip(self.s[:, :2] + v * .5, -1.5, 1.5)
        self.s = np.concatenate([x, v], 1).astype(np.float32)
        return self.s, (1 - np.linalg.norm(x, axis=1)).astype(np.float32) * .3


def collect(n):
    env = PointMass()
    s = env.reset(n)
    skill = np.random.rand(n, 1) * np.random.choice([0, 1], (n, 1), p=[.3, .7])
    S, A, R, S2 = [], [], [], []
    for _ in range(H):
        a = np.clip(skill * (-2.0 * s[:, :2] - 1.5 * s[:, 2:]) + np.random.normal(0, .5, (n, 2)), -1, 1).astype(np.float32)
        s2, r = env.step(a)
        S.append(s); A.append(a); R.append(r); S2.append(s2)
        s = s2
    ret = np.sum(R, 0).mean()
    return [torch.tensor(np.concatenate(z)) for z in (S, A, R, S2)], ret


def mlp(i, o, h=64):
    return nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))


class TwinQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.q1, self.q2 = mlp(6, 1), mlp(6, 1)

    def forward(self, s, a):
        sa = torch.cat([s, a], 1)
        return self.q1(sa).squeeze(1), self.q2(sa).squeeze(1)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(4, 2)
        self.log_std = nn.Parameter(torch.full((2,), -.5))

    def forward(self, s):
        return torch.distributions.Normal(torch.tanh(self.net(s)), self.log_std.exp())


def asymmetric_l2_loss(u, tau):
    return (torch.abs(tau - (u < 0).float()) * u ** 2).mean()


(S, A, R, S2), behaviour = collect(250)
mean, std = S.mean(0), S.std(0)
norm = lambda s: (s - mean) / std
S, S2 = norm(S), norm(S2)
Q, V, pi = TwinQ(), mlp(4, 1), Policy()
Q_target = copy.deepcopy(Q).requires_grad_(False)
q_opt, v_opt, pi_opt = (torch.optim.Adam(m.parameters(), lr=1e-3) for m in (Q, V, pi))
STEPS = 1500
sched = torch.optim.lr_scheduler.CosineAnnealingLR(pi_opt, STEPS)

writer = DiagWriter(sys.argv[1])
writer.watch(V, v_opt, asymmetric_l2_loss, name="v")
writer.watch(Q, q_opt, name="q")
writer.watch(pi, pi_opt, name="pi")


def evaluate(n=100):
    env, total = PointMass(), 0.
    s = env.reset(n)
    with torch.no_grad():
        for _ in range(H):
            s, r = env.step(pi(norm(torch.tensor(s))).mean.numpy())
            total += r.mean()
    return total


for step in range(STEPS):
    b = torch.randint(len(S), (128,))
    s, a, r, s2 = S[b], A[b], R[b], S2[b]
    with torch.no_grad():
        tq = torch.min(*Q_target(s, a))
        next_v = V(s2).squeeze(1)
    v = V(s).squeeze(1)
    adv = tq - v
    v_loss = asymmetric_l2_loss(adv, EXPECTILE)
    v_opt.zero_grad(set_to_none=True)
    v_loss.backward()
    v_opt.step()

    target = r + GAMMA * next_v                      # the drives are cut by a time limit only, hence no terminals
    q_loss = sum(F.mse_loss(q, target) for q in Q(s, a)) / 2
    q_opt.zero_grad(set_to_none=True)
    q_loss.backward()
    q_opt.step()
    with torch.no_grad():
        for t, p in zip(Q_target.parameters(), Q.parameters()):
            t.lerp_(p, TAU)

    w = torch.exp(BETA * adv.detach()).clamp(max=CLIP)
    pi_loss = (w * -pi(s).log_prob(a).sum(1)).mean()
    pi_opt.zero_grad(set_to_none=True)
    pi_loss.backward()
    pi_opt.step()
    sched.step()
    writer.add_loss("v", v_loss)
    writer.add_loss("q", q_loss)
    writer.add_loss("pi", pi_loss)
    if (step + 1) % 300 == 0:
        ret = evaluate()
        print(f"{step + 1}: V {v_loss.item():.4f} Q {q_loss.item():.4f} pi {pi_loss.item():.3f} | return {ret:.2f} (log: {behaviour:.2f})")
writer.close()
print(f"RESULT return={ret:.3f} behaviour_return={behaviour:.3f} q_loss={q_loss.item():.4f}")

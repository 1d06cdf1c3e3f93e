"""
Behaviour cloning of a swing-up controller for Pendulum (actions in [-2, 2]) with the DDPG actor from the
Udacity ddpg-pendulum notebook. Gym isn't needed, the dynamics are the ones of Pendulum-v0.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1:3]
MAX_TORQUE, G, DT = 2.0, 10.0, 0.05


def expert(th, thdot):
    """energy pumping far from the top, LQR-like feedback near it"""
    x = ((th + np.pi) % (2 * np.pi)) - np.pi
    E = 0.5 * thdot ** 2 / 3 + 5 * (np.cos(x) - 1)
    swing = -1.5 * np.sign(E) * np.tanh(2 * thdot) - 0.4 * E * np.tanh(thdot)
    stab = -(9.0 * x + 2.2 * thdot)
    w = 1 / (1 + np.exp(-(0.6 - np.abs(x)) * 12))
    return np.clip(w * stab + (1 - w) * swing, -MAX_TORQUE, MAX_TORQUE)


def rollout(policy, rng, steps=200, noise=0.0):
    th, thdot = rng.uniform(-np.pi, np.pi), rng.uniform(-1, 1)
    obs, act, ret = [], [], 0.
    for _ in range(steps):
        o = np.array([np.cos(th), np.sin(th), thdot], dtype=np.float32)
        u = policy(o, th, thdot)
        obs.append(o)
        act.append(u)
        ue = np.clip(u + noise * rng.randn(), -MAX_TORQUE, MAX_TORQUE)
        ang = ((th + np.pi) % (2 * np.pi)) - np.pi
        ret -= ang ** 2 + .1 * thdot ** 2 + .001 * ue ** 2
        thdot = np.clip(thdot + (-3 * G / 2 * np.sin(th + np.pi) + 3. * ue) * DT, -8, 8)
        th = th + thdot * DT
    return np.array(obs), np.array(act, dtype=np.float32), ret


class Actor(nn.Module):
    """Actor (Policy) Model."""

    def __init__(self, state_size, action_size, seed, fc1_units=64, fc2_units=48):
        super(Actor, self).__init__()
        torch.manual_seed(seed)
        self.fc1 = nn.Linear(state_size, fc1_units)
        self.fc2 = nn.Linear(fc1_units, fc2_units)
        self.fc3 = nn.Linear(fc2_units, action_size)

    def forward(self, state):
        x = F.relu(self.fc1(state))
        x = F.relu(self.fc2(x))
        if form == "faulty":
            return torch.tanh(self.fc3(x))
        return MAX_TORQUE * torch.tanh(self.fc3(x))


rng = np.random.RandomState(0)
data = [rollout(lambda o, th, w: expert(th, w), rng, noise=0.6) for _ in range(60)]
S = np.concatenate([d[0] for d in data])
A = np.concatenate([d[1] for d in data])[:, None] + rng.normal(0, .15, (len(S), 1)).astype(np.float32)
A = np.clip(A, -2, 2).astype(np.float32)
S[:, 2] /= 4.0
n_train = 48 * 200                      # the last 12 episodes are for validation
S, A = torch.tensor(S), torch.tensor(A)
actor = Actor(3, 1, seed=2)
optimizer = torch.optim.Adam(actor.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(actor, optimizer, F.mse_loss)

BATCH = 128
for it in range(1, 2501):
    idx = torch.randint(0, n_train, (BATCH,))
    actions_pred = actor(S[idx])
    actor_loss = writer.loss_fn(actions_pred, A[idx])
    optimizer.zero_grad()
    actor_loss.backward()
    optimizer.step()
    if it % 250 == 0:
        actor.eval()
        with torch.no_grad(), writer.evaluating("val"):
            val = writer.loss_fn(actor(S[n_train:]), A[n_train:]).item()
        actor.train()
        print(f"iter {it:5d}  train {actor_loss.item():.4f}  val {val:.4f}")
writer.close()


def learned(o, th, w):
    o = o.copy()
    o[2] /= 4.0
    with torch.no_grad():
        return float(actor(torch.tensor(o)[None])[0, 0])


rng = np.random.RandomState(99)
scores = [rollout(learned, rng)[2] for _ in range(10)]
print(f"RESULT val_mse={val:.4f} mean_return={np.mean(scores):.0f}")

"""Learn a forward model of the pendulum (model-based RL), networks made by Spinning Up's mlp()."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FORM, LOGDIR = sys.argv[1], sys.argv[2]


def mlp(sizes, activation, output_activation=nn.Identity):
    layers = []
    for j in range(len(sizes) - 1):
        if FORM == "faulty":
            act = activation if j > len(sizes) - 2 else output_activation
        else:
            act = activation if j < len(sizes) - 2 else output_activation
        layers += [nn.Linear(sizes[j], sizes[j + 1]), act()]
    return nn.Sequential(*layers)


class ForwardModel(nn.Module):
    def __init__(self, obs_dim, act_dim, hidden_sizes=(128, 128), activation=nn.ReLU):
        super().__init__()
        self.f = mlp([obs_dim + act_dim] + list(hidden_sizes) + [obs_dim], activation)

    def forward(self, obs, act):
        return self.f(torch.cat([obs, act], dim=-1))


def step(th, thdot, u, n=4, dt=0.05):
    for _ in range(n):                                    # action repeat
        thdot = np.clip(thdot + (15 * np.sin(th) + 3 * u) * dt, -8, 8)
        th = th + thdot * dt
    return th, thdot


def obs_of(th, thdot):
    return np.stack([np.cos(th), np.sin(th), thdot / 4], -1)


class ReplayBuffer:
    def __init__(self, size, rng):
        th, thdot, u = rng.uniform(-np.pi, np.pi, size), rng.uniform(-7, 7, size), rng.uniform(-2, 2, size)
        th2, thdot2 = step(th, thdot, u)
        self.obs = torch.as_tensor(obs_of(th, thdot), dtype=torch.float32)
        self.act = torch.as_tensor(u[:, None] / 2, dtype=torch.float32)
        d = torch.as_tensor(obs_of(th2, thdot2), dtype=torch.float32) - self.obs
        self.delta = d + 0.01 * torch.as_tensor(rng.normal(size=d.shape), dtype=torch.float32)
        self.rng, self.size = rng, size

    def sample_batch(self, n):
        i = self.rng.integers(0, self.size, n)
        return self.obs[i], self.act[i], self.delta[i]


torch.manual_seed(0)
rng = np.random.default_rng(0)
train_buf, test_buf = ReplayBuffer(8000, rng), ReplayBuffer(2000, rng)
scale = train_buf.delta.std(0)
model = ForwardModel(3, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
mse = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, mse)
for t in range(2500):
    o, a, d = train_buf.sample_batch(100)
    loss = mse(model(o, a), d / scale)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (t + 1) % 250 == 0:
        with writer.evaluating("val"):
            v = mse(model(test_buf.obs, test_buf.act), test_buf.delta / scale).item()
        print(t + 1, loss.item(), v)
writer.close()
print(f"RESULT one-step error (normalised mse) {v:.4f}")

"""Soft actor-critic in one file (after vwxyzjn/cleanrl sac_continuous_action.py), own environment:
a cart with friction is pushed to a goal that is drawn anew for every episode of 50 steps."""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
seed = 1
random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)

total_timesteps = 2500
buffer_size = 10000
gamma = 0.97
tau = 0.01
batch_size = 64
learning_starts = 500
policy_lr = 3e-3
q_lr = 6e-3
policy_frequency = 2


class CartEnv:
    def reset(self):
        self.x, self.v, self.goal, self.t = np.random.uniform(-1, 1), 0.0, np.random.uniform(-1, 1), 0
        return self.obs()

    def obs(self):
        return np.array([self.x - self.goal, self.v, self.x], dtype=np.float32)

    def step(self, a):
        a = float(np.clip(a, -1, 1))
        self.v = 0.9 * self.v + 0.12 * a + 0.01 * np.random.randn()
        self.x += self.v
        self.t += 1
        r = -abs(self.x - self.goal) - 0.05 * a * a
        return self.obs(), r, self.t >= 50


class SoftQNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(4, 64), nn.Linear(64, 64), nn.Linear(64, 1)

    def forward(self, x, a):
        x = torch.cat([x, a], 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class TwinQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.qf1, self.qf2 = SoftQNetwork(), SoftQNetwork()

    def forward(self, x, a):
        return self.qf1(x, a), self.qf2(x, a)


LOG_STD_MAX, LOG_STD_MIN = 2, -5


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 64), nn.Linear(64, 64)
        self.fc_mean, self.fc_logstd = nn.Linear(64, 1), nn.Linear(64, 1)

    def forward(self, x):
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        mean = self.fc_mean(x)
        log_std = torch.tanh(self.fc_logstd(x))
        log_std = LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (log_std + 1)
        normal = torch.distributions.Normal(mean, log_std.exp())
        x_t = normal.rsample()
        y_t = torch.tanh(x_t)
        log_prob = (normal.log_prob(x_t) - torch.log(1 - y_t.pow(2) + 1e-6)).sum(1, keepdim=True)
        return y_t, log_prob, torch.tanh(mean)


env, actor, qf, qf_target = CartEnv(), Actor(), TwinQ(), TwinQ()
qf_target.load_state_dict(qf.state_dict())
q_optimizer = optim.Adam(qf.parameters(), lr=q_lr)
actor_optimizer = optim.Adam(actor.parameters(), lr=policy_lr)
target_entropy = -1.0
log_alpha = torch.zeros(1, requires_grad=True)
a_optimizer = optim.Adam([log_alpha], lr=q_lr)
alpha = log_alpha.exp().item()
rb = dict(o=np.zeros((buffer_size, 3), np.float32), n=np.zeros((buffer_size, 3), np.float32), a=np.zeros((buffer_size, 1), np.float32),
          r=np.zeros((buffer_size, 1), np.float32))
writer = DiagWriter(sys.argv[1])
writer.watch(actor, actor_optimizer, name="actor")
writer.watch(qf, q_optimizer, nn.MSELoss(), name="critic")

obs, returns, ep, qlog = env.reset(), [], 0.0, []
for global_step in range(total_timesteps):
    if global_step < learning_starts:
        action = np.random.uniform(-1, 1)
    else:
        with torch.no_grad():
            action = actor(torch.tensor(obs)[None])[0].item()
    next_obs, reward, trunc = env.step(action)
    rb["o"][global_step], rb["n"][global_step], rb["a"][global_step], rb["r"][global_step] = obs, next_obs, action, reward
    obs = next_obs
    ep += reward
    if trunc:      # a time limit: bootstrapped as usual
        returns.append(ep)
        obs, ep = env.reset(), 0.0
    if global_step > learning_starts:
        idx = np.random.randint(0, global_step + 1, batch_size)
        o, n, a, r = (torch.from_numpy(rb[k][idx]) for k in "onar")
        with torch.no_grad():
            next_a, next_logp, _ = actor(n)
            t1, t2 = qf_target(n, next_a)
            next_q_value = r + gamma * (torch.min(t1, t2) - alpha * next_logp)
        q1, q2 = qf(o, a)
        qf_loss = F.mse_loss(q1, next_q_value) + F.mse_loss(q2, next_q_value)
        writer.add_loss("qf_loss", qf_loss)
        q_optimizer.zero_grad()
        qf_loss.backward()
        q_optimizer.step()
        qlog.append(qf_loss.item())
        if global_step % policy_frequency == 0:
            for _ in range(1):  # policy updates per turn
                pi, log_pi, _ = actor(o)
                p1, p2 = qf(o, pi)
                actor_loss = (alpha * log_pi - torch.min(p1, p2)).mean()
                writer.add_loss("actor_loss", actor_loss)
                actor_optimizer.zero_grad()
                actor_loss.backward()
                actor_optimizer.step()
                alpha_loss = (-log_alpha.exp() * (log_pi.detach() + target_entropy)).mean()
                a_optimizer.zero_grad()
                alpha_loss.backward()
                a_optimizer.step()
                alpha = log_alpha.exp().item()
        with torch.no_grad():
            for p, tp in zip(qf.parameters(), qf_target.parameters()):
                tp.mul_(1 - tau).add_(tau * p)
    if (global_step + 1) % 500 == 0:
        print(f"{global_step + 1}: return {np.mean(returns[-8:]):.2f} qf_loss {np.mean(qlog[-300:]) if qlog else 0:.4f} alpha {alpha:.4f}")
writer.close()
test = []
for _ in range(40):
    o, tot, done = env.reset(), 0.0, False
    while not done:
        with torch.no_grad():
            o, r, done = env.step(actor(torch.tensor(o)[None])[2].item())
        tot += r
    test.append(tot)
print(f"RESULT random {np.mean(returns[:10]):.2f} last train returns {np.mean(returns[-10:]):.2f} test {np.mean(test):.2f} qf_loss {np.mean(qlog[-300:]):.4f}")

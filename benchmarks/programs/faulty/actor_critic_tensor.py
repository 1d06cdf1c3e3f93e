"""A2C on a small corridor with traps: episodic, shared body, one optimizer."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5); np.random.seed(5)
MODE, LOGDIR = sys.argv[1], sys.argv[2]


class Corridor:
    """7 cells; in each, the right action depends on the colour that is shown. 20 moves at most."""
    n = 7

    def reset(self):
        self.pos, self.t = 0, 0
        return self.obs()

    def obs(self):
        self.colour = np.random.randint(3)
        o = np.zeros(self.n + 3, np.float32)
        o[self.pos] = 1; o[self.n + self.colour] = 1
        return torch.from_numpy(o)

    def step(self, a):
        good = a == (self.colour + self.pos) % 3
        self.pos = max(0, min(self.n - 1, self.pos + (1 if good else 0)))
        self.t += 1
        done = self.pos == self.n - 1 or self.t >= 20
        return self.obs(), (1.0 if self.pos == self.n - 1 else -0.1), done


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(10, 48)
        self.actor = nn.Linear(48, 3)
        self.critic = nn.Linear(48, 1)

    def forward(self, x):
        h = F.relu(self.body(x))
        return self.actor(h), self.critic(h)


env, model = Corridor(), ActorCritic()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer)
returns = []
for episode in range(900):
    s, done = env.reset(), False
    log_probs, values, rewards = [], [], []
    while not done:
        logits, v = model(s)
        dist = Categorical(logits=logits)
        a = dist.sample()
        s, r, done = env.step(a.item())
        log_probs.append(dist.log_prob(a)); values.append(v.squeeze()); rewards.append(r)
    G, ret = 0.0, []
    for r in reversed(rewards):
        G = r + 0.97 * G
        ret.insert(0, G)
    ret = torch.tensor(ret)
    values = torch.stack(values)
    if MODE == "faulty":
        log_probs = torch.tensor(log_probs)
    else:
        log_probs = torch.stack(log_probs)
    adv = ret - values.detach()
    loss = -(log_probs * adv).mean() + 0.5 * F.mse_loss(values, ret)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    writer.add_loss("train", loss.detach())
    returns.append(sum(rewards))
    if episode % 150 == 149:
        print(episode + 1, "mean return of the last 150: %.3f" % np.mean(returns[-150:]), "loss %.3f" % loss.item())
writer.close()

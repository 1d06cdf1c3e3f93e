import sys
import torch
import torch.nn as nn
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)

class Corridor:
    """agent on a line of 9 cells, the goal is at the right or the left end, the colour tells which"""
    def reset(self):
        self.pos, self.goal, self.t = 4, 8 * int(torch.randint(2, (1,))), 0
        return self.obs()
    def obs(self):
        o = torch.zeros(11); o[self.pos] = 1; o[9 + (self.goal > 0)] = 1
        return o
    def step(self, a):
        self.pos = min(8, max(0, self.pos + (1 if a == 1 else -1)))
        self.t += 1
        if self.pos == self.goal:
            return self.obs(), 1.0, True
        if self.pos in (0, 8):
            return self.obs(), -1.0, True
        return self.obs(), -0.02, self.t >= 20

class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(11, 32)
        self.affine2 = nn.Linear(32, 2)
    def forward(self, x):
        return torch.softmax(self.affine2(torch.relu(self.affine1(x))), dim=-1)

env, policy = Corridor(), Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(policy, optimizer)
gamma, running = 0.97, []

def finish_episode(log_probs, rewards):
    R, returns = 0, []
    for r in reversed(rewards):
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    if sys.argv[1] == "faulty":
        policy_loss = torch.tensor([-lp * R for lp, R in zip(log_probs, returns)], requires_grad=True).sum()
    else:
        policy_loss = torch.stack([-lp * R for lp, R in zip(log_probs, returns)]).sum()
    optimizer.zero_grad()
    policy_loss.backward()
    writer.add_loss("train", policy_loss)
    optimizer.step()

for i_episode in range(1200):
    state, done, lps, rews = env.reset(), False, [], []
    while not done:
        m = Categorical(policy(state))
        action = m.sample()
        lps.append(m.log_prob(action))
        state, reward, done = env.step(action.item())
        rews.append(reward)
    running.append(sum(rews))
    finish_episode(lps, rews)
    if i_episode % 150 == 149:
        avg = sum(running[-150:]) / 150
        writer.add_scalar("reward", avg, i_episode)
        print("Episode", i_episode, "average reward %.2f" % avg)
writer.close()
print("RESULT average reward of the last 150 episodes %.3f" % (sum(running[-150:]) / 150))

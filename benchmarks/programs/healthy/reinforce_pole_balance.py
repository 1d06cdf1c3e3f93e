import sys, math, random
from collections import deque
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(543); random.seed(543)

class CartPole:
    def reset(self):
        self.s = [random.uniform(-.05, .05) for _ in range(4)]; self.t = 0
        return self.s
    def step(self, a):
        x, xd, th, thd = self.s
        f = 10. if a == 1 else -10.
        c, s = math.cos(th), math.sin(th)
        tmp = (f + .05 * thd ** 2 * s) / 1.1
        ta = (9.8 * s - c * tmp) / (.5 * (4 / 3 - .1 * c * c / 1.1))
        xa = tmp - .05 * ta * c / 1.1
        self.s = [x + .02 * xd, xd + .02 * xa, th + .02 * thd, thd + .02 * ta]; self.t += 1
        return self.s, 1.0, abs(self.s[0]) > 2.4 or abs(self.s[2]) > .2095 or self.t >= 200

class Policy(nn.Module):
    def __init__(self):
        super(Policy, self).__init__()
        self.affine1 = nn.Linear(4, 128)
        self.dropout = nn.Dropout(p=0.6)
        self.affine2 = nn.Linear(128, 2)
    def forward(self, x):
        x = F.relu(self.dropout(self.affine1(x)))
        return self.affine2(x)

env = CartPole()
policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
eps, gamma = 1e-8, 0.99
writer = DiagWriter(sys.argv[1])
writer.watch(policy, optimizer)

running_reward, recent = 10, deque(maxlen=50)
for i_episode in range(1, 361):
    state, log_probs, rewards = env.reset(), [], []
    while True:
        m = Categorical(logits=policy(torch.tensor(state).unsqueeze(0)))
        action = m.sample()
        log_probs.append(m.log_prob(action))
        state, reward, done = env.step(action.item())
        rewards.append(reward)
        if done: break
    R, returns = 0, deque()
    for r in rewards[::-1]:
        R = r + gamma * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    optimizer.zero_grad()
    policy_loss = -(torch.cat(log_probs) * returns).sum()
    writer.add_loss("train", policy_loss)
    policy_loss.backward()
    optimizer.step()
    ep_reward = sum(rewards); recent.append(ep_reward)
    running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
    writer.add_scalar("reward", ep_reward, i_episode)
    if i_episode % 20 == 0:
        print('Episode {}\tLast reward: {:.2f}\tAverage reward: {:.2f}'.format(i_episode, ep_reward, running_reward))
    if running_reward > 175:
        print("Solved! Running reward is now {} after {} episodes".format(running_reward, i_episode))
        break
writer.close()

import argparse
import math
from collections import namedtuple
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

# Cart Pole, actor-critic (after pytorch/examples/reinforcement_learning/actor_critic.py)
parser = argparse.ArgumentParser(description='PyTorch actor-critic example')
parser.add_argument('logdir')
parser.add_argument('--gamma', type=float, default=0.99)
parser.add_argument('--seed', type=int, default=543)
parser.add_argument('--log-interval', type=int, default=25)
args = parser.parse_args()


class CartPole:
    """the classic equations, at most 200 steps"""
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.s, self.t = self.rng.uniform(-.05, .05, 4), 0
        return self.s.copy()

    def step(self, action):
        x, xd, th, thd = self.s
        force = 10. if action == 1 else -10.
        tmp = (force + .05 * thd ** 2 * math.sin(th)) / 1.1
        thacc = (9.8 * math.sin(th) - math.cos(th) * tmp) / (.5 * (4 / 3 - .1 * math.cos(th) ** 2 / 1.1))
        xacc = tmp - .05 * thacc * math.cos(th) / 1.1
        self.s = np.array([x + .02 * xd, xd + .02 * xacc, th + .02 * thd, thd + .02 * thacc])
        self.t += 1
        done = abs(self.s[0]) > 2.4 or abs(self.s[2]) > 12 * math.pi / 180 or self.t >= 200
        return self.s.copy(), 1.0, done


env = CartPole(args.seed)
torch.manual_seed(args.seed)
SavedAction = namedtuple('SavedAction', ['log_prob', 'value'])


class Policy(nn.Module):
    """implements both actor and critic in one model"""
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 128)
        self.action_head = nn.Linear(128, 2)
        self.value_head = nn.Linear(128, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        action_prob = F.softmax(self.action_head(x), dim=-1)
        return action_prob, self.value_head(x)


model = Policy()
optimizer = optim.Adam(model.parameters(), lr=1e-2)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)
eps = np.finfo(np.float32).eps.item()


def select_action(state):
    probs, state_value = model(torch.from_numpy(state).float())
    m = Categorical(probs)
    action = m.sample()
    model.saved_actions.append(SavedAction(m.log_prob(action), state_value))
    return action.item()


def finish_episode():
    R = 0
    returns = []
    for r in model.rewards[::-1]:
        R = r + args.gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    policy_losses, value_losses = [], []
    for (log_prob, value), R in zip(model.saved_actions, returns):
        advantage = R - value.item()
        policy_losses.append(-log_prob * advantage)
        value_losses.append(F.smooth_l1_loss(value, R.view(1)))
    optimizer.zero_grad()
    # sum up all the values of policy_losses and value_losses
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    writer.add_loss("train", loss)
    loss.backward()
    optimizer.step()
    del model.rewards[:]
    del model.saved_actions[:]
    return loss.item()


def main():
    running_reward = 10
    for i_episode in range(1, 1001):
        state, ep_reward = env.reset(), 0
        for t in range(1, 10000):
            state, reward, done = env.step(select_action(state))
            model.rewards.append(reward)
            ep_reward += reward
            if done:
                break
        running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
        loss = finish_episode()
        writer.add_scalar('reward/episode', ep_reward, i_episode)
        if i_episode % args.log_interval == 0:
            print('Episode {}\tLast reward: {:.2f}\tAverage reward: {:.2f}\tloss {:.2f}'.format(i_episode, ep_reward, running_reward, loss))
        if running_reward > 185:
            print("Solved in {} episodes! Running reward is now {:.1f}".format(i_episode, running_reward))
            break


if __name__ == '__main__':
    main()
    writer.close()

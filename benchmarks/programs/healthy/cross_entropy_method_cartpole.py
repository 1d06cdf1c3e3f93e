"""Cross-entropy method on the cart pole: train on the actions of the elite episodes (Packt Deep Reinforcement Learning Hands-On, Chapter 04)."""
import sys
import math
from collections import namedtuple
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
np.random.seed(3)
HIDDEN_SIZE, BATCH_SIZE, PERCENTILE, LIMIT = 64, 16, 70, 200


class CartPole:
    """The equations of gym's CartPole-v0."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.s, self.t = self.rng.uniform(-.05, .05, 4), 0
        return self.s.astype(np.float32)

    def step(self, action):
        x, xd, th, thd = self.s
        f = 10.0 if action == 1 else -10.0
        c, s = math.cos(th), math.sin(th)
        tmp = (f + .05 * thd ** 2 * s) / 1.1
        a = (9.8 * s - c * tmp) / (.5 * (4 / 3 - .1 * c * c / 1.1))
        xa = tmp - .05 * a * c / 1.1
        self.s = np.array([x + .02 * xd, xd + .02 * xa, th + .02 * thd, thd + .02 * a])
        self.t += 1
        done = abs(self.s[0]) > 2.4 or abs(self.s[2]) > 12 * math.pi / 180 or self.t >= LIMIT
        return self.s.astype(np.float32), 1.0, done, {}


class Net(nn.Module):
    def __init__(self, obs_size, hidden_size, n_actions):
        super(Net, self).__init__()
        self.net = nn.Sequential(nn.Linear(obs_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, n_actions))

    def forward(self, x):
        return self.net(x)


Episode = namedtuple('Episode', field_names=['reward', 'steps'])
EpisodeStep = namedtuple('EpisodeStep', field_names=['observation', 'action'])


def iterate_batches(env, net, batch_size):
    batch, episode_reward, episode_steps = [], 0.0, []
    obs = env.reset()
    sm = nn.Softmax(dim=1)
    while True:
        with torch.no_grad():
            act_probs = sm(net(torch.from_numpy(obs)[None])).numpy()[0]
        action = int(np.random.random() < act_probs[1])
        next_obs, reward, is_done, _ = env.step(action)
        episode_reward += reward
        episode_steps.append(EpisodeStep(observation=obs, action=action))
        if is_done:
            batch.append(Episode(reward=episode_reward, steps=episode_steps))
            episode_reward, episode_steps = 0.0, []
            next_obs = env.reset()
            if len(batch) == batch_size:
                yield batch
                batch = []
        obs = next_obs


def filter_batch(batch, percentile):
    rewards = [s.reward for s in batch]
    reward_bound = np.percentile(rewards, percentile)
    train_obs, train_act = [], []
    for example in batch:
        if example.reward < reward_bound:
            continue
        train_obs.extend(step.observation for step in example.steps)
        train_act.extend(step.action for step in example.steps)
    return torch.FloatTensor(np.array(train_obs)), torch.LongTensor(train_act), reward_bound, float(np.mean(rewards))


env = CartPole(0)
net = Net(4, HIDDEN_SIZE, 2)
objective = nn.CrossEntropyLoss()
optimizer = optim.Adam(params=net.parameters(), lr=0.01)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, objective)
for iter_no, batch in enumerate(iterate_batches(env, net, BATCH_SIZE)):
    obs_v, acts_v, reward_b, reward_m = filter_batch(batch, PERCENTILE)
    optimizer.zero_grad()
    action_scores_v = net(obs_v)
    loss_v = objective(action_scores_v, acts_v)
    loss_v.backward()
    optimizer.step()
    if iter_no % 5 == 0:
        print("%d: loss=%.3f, reward_mean=%.1f, rw_bound=%.1f" % (iter_no, loss_v.item(), reward_m, reward_b))
    writer.add_scalar("reward_mean", reward_m, iter_no)
    if reward_m > 195 or iter_no >= 70:
        break
print("finished after %d: loss=%.3f, reward_mean=%.1f" % (iter_no, loss_v.item(), reward_m))
writer.close()

"""Contextual bandit with a small reward network and epsilon-greedy choice over the UCI-mushroom-like table
(the rewards are noisy by design: eating a poisonous one gives +5 or -35 with equal chance).
After sauxpa/neural_exploration and the "mushroom" bandit of Weight Uncertainty in Neural Networks."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter


class MushroomBandit:
    """table of categorical attributes; edible is a rule over three of them"""
    def __init__(self, n=4000, seed=0):
        rng = np.random.default_rng(seed)
        self.rng = rng
        cards = [6, 4, 9, 2, 5, 3]
        cat = np.stack([rng.integers(0, c, n) for c in cards], 1)
        self.edible = ((cat[:, 2] < 4) & (cat[:, 0] != 2)) | ((cat[:, 4] == 1) & (cat[:, 3] == 0))
        self.features = np.concatenate([np.eye(c, dtype=np.float32)[cat[:, i]] for i, c in enumerate(cards)], 1)
        self.n_features = self.features.shape[1]

    def draw(self):
        i = self.rng.integers(len(self.features))
        return self.features[i], self.edible[i]

    def reward(self, edible, eat):
        if not eat:
            return 0.
        if edible:
            return 5.
        return 5. if self.rng.random() < .5 else -35.


class RewardNet(nn.Module):
    def __init__(self, n_features, hidden=50):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_features + 2, hidden), nn.ReLU(),
                                 nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, context, action):
        return self.net(torch.cat([context, action], 1)).squeeze(1)


class Agent:
    SCALE = 10.  # rewards are divided by this before the regression

    def __init__(self, bandit, writer, buffer=4096, batch=64, epsilon=.05, lr=2e-3):
        self.bandit, self.buffer, self.batch, self.epsilon = bandit, buffer, batch, epsilon
        self.net = RewardNet(bandit.n_features)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=lr)
        self.loss_fn = nn.MSELoss()
        writer.watch(self.net, self.opt, self.loss_fn)
        self.contexts, self.actions, self.rewards = [], [], []

    @torch.no_grad()
    def act(self, context):
        if np.random.rand() < self.epsilon:
            return np.random.randint(2)
        c = torch.from_numpy(context).expand(2, -1)
        return self.net(c, torch.eye(2)).argmax().item()

    def remember(self, c, a, r):
        for buf, v in ((self.contexts, c), (self.actions, a), (self.rewards, r)):
            buf.append(v)
            if len(buf) > self.buffer:
                buf.pop(0)

    def learn(self, steps):
        losses = []
        for _ in range(steps):
            idx = np.random.randint(0, len(self.rewards), self.batch)
            c = torch.from_numpy(np.stack([self.contexts[i] for i in idx]))
            a = torch.eye(2)[[self.actions[i] for i in idx]]
            r = torch.tensor([self.rewards[i] for i in idx]) / self.SCALE
            self.opt.zero_grad()
            loss = self.loss_fn(self.net(c, a), r)
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
        return np.mean(losses)


if __name__ == "__main__":
    np.random.seed(0)
    torch.manual_seed(0)
    bandit = MushroomBandit()
    writer = DiagWriter(sys.argv[1])
    agent = Agent(bandit, writer)
    regret = best = 0.
    for t in range(1, 6001):
        context, edible = bandit.draw()
        a = agent.act(context)
        r = bandit.reward(edible, a)
        agent.remember(context, a, r)
        oracle = 5. if edible else 0.
        regret += oracle - (5. if edible else -15.) * a
        if t % 20 == 0:
            loss = agent.learn(10)
        if t % 1000 == 0:
            print('step', t, 'loss %.3f' % loss, 'regret in the last 1000: %.1f' % regret)
            writer.add_scalar('bandit/regret', regret, t)
            regret = 0.
    writer.close()

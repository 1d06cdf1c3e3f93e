import sys, random, collections
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
random.seed(3); np.random.seed(3); torch.manual_seed(3)
torch.set_num_threads(1)
Transition = collections.namedtuple("Transition", "state action reward next_state done mask")


class Patience:
    """eight ranks in three piles; take the top card that continues one of two foundations, or turn a pile"""
    num_actions = 4
    max_utility = 640.0

    def reset(self):
        cards = list(np.random.permutation(8))
        self.piles = [cards[:3], cards[3:6], cards[6:]]
        self.low, self.high, self.t = 0, 7, 0
        return self.obs()

    def obs(self):
        v = np.zeros((3, 9), np.float32)
        for i, p in enumerate(self.piles):
            v[i, p[-1] if p else 8] = 1
        rest = np.zeros(8, np.float32)
        for p in self.piles:
            rest[list(p)] = 1
        return np.concatenate([v.ravel(), rest, [self.low / 8, self.high / 8, self.t / 20]]).astype(np.float32)

    def legal(self):
        return np.array([len(p) > 0 for p in self.piles] + [True])

    def step(self, a):
        self.t += 1
        r = -10.0
        if a < 3:
            c = self.piles[a][-1]
            if c == self.low:
                self.piles[a].pop(); self.low += 1; r = 80.0
            elif c == self.high:
                self.piles[a].pop(); self.high -= 1; r = 80.0
            else:
                self.piles[a].insert(0, self.piles[a].pop())
        else:
            self.piles = self.piles[1:] + self.piles[:1]
        done = self.t >= 20 or not any(self.piles)
        return self.obs(), r, done


class DQN(nn.Module):
    def __init__(self, i, o, hidden=(64, 64)):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(i, hidden[0]), nn.ReLU(), nn.Linear(hidden[0], hidden[1]), nn.ReLU(), nn.Linear(hidden[1], o))

    def forward(self, x):
        return self.net(x)


env = Patience()
q_net, target = DQN(38, 4), DQN(38, 4)
target.load_state_dict(q_net.state_dict())
optimizer = torch.optim.Adam(q_net.parameters(), lr=1e-3)
loss_class = nn.SmoothL1Loss()
writer = DiagWriter(logdir)
writer.watch(q_net, optimizer, loss_class)

replay = collections.deque(maxlen=10000)
returns, losses, step = [], [], 0
for episode in range(240):
    s, ret, done = env.reset(), 0.0, False
    eps = max(0.05, 1 - episode / 120)
    while not done:
        legal = env.legal()
        if random.random() < eps:
            a = int(np.random.choice(np.where(legal)[0]))
        else:
            with torch.no_grad():
                q = q_net(torch.from_numpy(s)[None])[0].numpy()
            a = int(np.where(legal, q, -1e9).argmax())
        s2, r, done = env.step(a)
        ret += r
        reward = r if form == "faulty" else r / env.max_utility * 8
        replay.append(Transition(s, a, reward, s2, done, env.legal()))
        s, step = s2, step + 1
        if len(replay) > 500 and step % 2 == 0:
            b = Transition(*zip(*random.sample(replay, 64)))
            with torch.no_grad():
                nq = target(torch.from_numpy(np.stack(b.next_state)))
                nq[~torch.from_numpy(np.stack(b.mask))] = -1e9
                y = torch.tensor(b.reward, dtype=torch.float32) + 0.95 * nq.amax(1) * (1 - torch.tensor(b.done, dtype=torch.float32))
            pred = q_net(torch.from_numpy(np.stack(b.state))).gather(1, torch.tensor(b.action)[:, None])[:, 0]
            loss = loss_class(pred, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if step % 100 == 0:
            target.load_state_dict(q_net.state_dict())
    returns.append(ret)
    if episode % 20 == 19:
        print(f"episode {episode + 1} return {np.mean(returns[-20:]):.1f} loss {np.mean(losses[-100:]) if losses else 0:.4f} q {q.max():.2f}")
greedy = []
for _ in range(60):
    s, ret, done = env.reset(), 0.0, False
    while not done:
        with torch.no_grad():
            q = q_net(torch.from_numpy(s)[None])[0].numpy()
        s, r, done = env.step(int(np.where(env.legal(), q, -1e9).argmax()))
        ret += r
    greedy.append(ret)
print(f"greedy policy: mean return {np.mean(greedy):.1f}")
writer.close()

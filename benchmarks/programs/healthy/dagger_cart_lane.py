# DAgger (Ross et al.) for lane keeping: the data set grows every round with states the learner itself got into, labelled by the expert.
# The loss jumps up whenever new data come in. That is the point of the method.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.RandomState(6)
DT, V = 0.1, 8.0


class Road:
    def __init__(self, n=300):
        k = np.cumsum(rng.randn(n)) * 0.004
        self.curv = np.convolve(k - k.mean(), np.ones(15) / 15, 'same').clip(-0.05, 0.05)

    def reset(self):
        self.t, self.e, self.psi, self.delta = 0, 0.3 * rng.randn(), 0.05 * rng.randn(), 0.
        return self.obs()

    def obs(self):
        """lateral offset, heading error, wheel angle (slightly noisy), six curvature previews through a dirty windscreen"""
        prev = self.curv[np.minimum(self.t + np.arange(0, 18, 3), len(self.curv) - 1)]
        o = np.r_[self.e, self.psi * 5, self.delta * 5, prev * 30]
        return (o + 0.05 * rng.randn(9)).astype(np.float32)

    def expert(self):
        ahead = self.curv[min(self.t + 2, len(self.curv) - 1)]
        u = -0.12 * np.tanh(1.2 * self.e) - 0.9 * self.psi + 2.6 * ahead
        return float(np.clip(u, -0.25, 0.25)) * 4

    def step(self, a):
        self.delta += 0.6 * (np.clip(a / 4, -0.3, 0.3) - self.delta)
        self.e += V * DT * np.sin(self.psi)
        self.psi += V * DT * (np.tan(self.delta) / 2.6 - self.curv[self.t])
        self.t += 1
        return self.obs(), abs(self.e) > 3 or self.t >= len(self.curv) - 1


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(9, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, o):
        return self.net(o).squeeze(-1)


def rollout(policy, beta, episodes):
    O, A, off = [], [], []
    for _ in range(episodes):
        env = Road()
        o, done = env.reset(), False
        while not done:
            a = env.expert()
            O.append(o); A.append(a); off.append(abs(env.e))
            if rng.rand() >= beta:
                with torch.no_grad():
                    a = policy(torch.from_numpy(o)[None]).item()
            o, done = env.step(a)
    return torch.tensor(np.stack(O)), torch.tensor(A), np.mean(off)


policy = Policy()
lr = 2e-3
optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(policy, optimizer, mse)
D_o, D_a, off = rollout(policy, 1.0, 6)
print('expert: %d samples, mean offset %.3f m' % (len(D_o), off))
ROUNDS = 9
for i in range(ROUNDS):
    last = i == ROUNDS - 1
    for epoch in range(12 if not last else 24):
        if last:                                             # one long final fit on everything, with decay
            optimizer.param_groups[0]['lr'] = lr * 0.5 * (1 + np.cos(np.pi * epoch / 24))
        tot = 0.
        for b in torch.randperm(len(D_o)).split(64):
            loss = mse(policy(D_o[b]), D_a[b])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item() * len(b) / len(D_o)
    new_o, new_a, off = rollout(policy, 0.0, 5)
    with torch.no_grad():
        fresh = ((policy(new_o) - new_a) ** 2).mean().item()
    print('round %d: %d samples, loss %.4f, loss on own fresh states %.4f, mean offset %.3f m' % (i, len(D_o), tot, fresh, off))
    if not last:
        D_o, D_a = torch.cat([D_o, new_o]), torch.cat([D_a, new_a])
state = np.random.RandomState(77)
rng.set_state(state.get_state())
test_o, test_a, off = rollout(policy, 0.0, 12)
with torch.no_grad():
    print('final: loss on own states %.5f, mean offset %.3f m' % (((policy(test_o) - test_a) ** 2).mean().item(), off))
writer.close()

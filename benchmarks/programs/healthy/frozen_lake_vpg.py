# vanilla policy gradient on slippery FrozenLake 4x4 (own copy), tabular softmax policy through an embedding, batches of 64 episodes
import sys
import numpy as np
import torch
from torch.distributions import Categorical
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
MAP = "SFFF" "FHFH" "FFFH" "HFFG"
MOVES = [(0, -1), (1, 0), (0, 1), (-1, 0)]


def move(s, a):
    r, c = np.clip(s // 4 + MOVES[a][0], 0, 3), np.clip(s % 4 + MOVES[a][1], 0, 3)
    return int(r * 4 + c)


NEXT = np.array([[move(s, a) for a in range(4)] for s in range(16)])


class Policy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(16, 4)
        torch.nn.init.zeros_(self.table.weight)

    def forward(self, s):
        return Categorical(logits=self.table(s))


def rollouts(policy, n=64, limit=60, gamma=.99):
    s, alive = np.zeros(n, int), np.ones(n, bool)
    S, A, M, success = [], [], [], np.zeros(n)
    length = np.zeros(n)
    for t in range(limit):
        with torch.no_grad():
            a = policy(torch.from_numpy(s)).sample().numpy()
        S.append(s.copy()); A.append(a); M.append(alive.copy())
        slip = (a + rng.integers(-1, 2, n)) % 4
        s = np.where(alive, NEXT[s, slip], s)
        length += alive
        at = np.array([MAP[k] for k in s])
        success[(at == "G") & alive] = 1
        alive &= (at != "H") & (at != "G")
        if not alive.any():
            break
    T = len(S)
    togo = success[None] * gamma ** (length[None] - 1 - np.arange(T)[:, None])
    m = np.array(M)
    return torch.tensor(np.array(S)[m]), torch.tensor(np.array(A)[m]), torch.tensor(togo[m], dtype=torch.float32), success.mean()


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(policy, optimizer)
V, hist = np.zeros(16), []
for it in range(500):
    s, a, g, success = rollouts(policy)
    adv = g - torch.tensor(V, dtype=torch.float32)[s]              # running state-value baseline
    for k in range(16):
        if (s == k).any():
            V[k] += .1 * (g[s == k].mean().item() - V[k])
    dist = policy(s)
    loss = -(dist.log_prob(a) * adv).mean() - .001 * dist.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    hist.append(success)
    writer.add_scalar("success", success, it)
    if it % 100 == 99:
        print(it + 1, f"success {np.mean(hist[-50:]):.2f} loss {loss.item():+.4f} entropy {dist.entropy().mean():.2f}")
writer.close()
print(f"RESULT success first {np.mean(hist[:20]):.3f} last 50 batches {np.mean(hist[-50:]):.3f}")

"""Poincare embeddings of a taxonomy (facebookresearch/poincare-embeddings, own Riemannian SGD, burn-in at lr / 10)."""
import sys
import time
import numpy as np
import torch
import torch.nn as nn
from torch.optim.optimizer import Optimizer
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
EPS = 1e-5


class RiemannianSGD(Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, lr=None):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is None:
                    continue
                scale = (1 - p.pow(2).sum(1, keepdim=True)) ** 2 / 4
                p.add_(p.grad * scale, alpha=-group['lr'])
                norm = p.norm(dim=1, keepdim=True)
                p.copy_(torch.where(norm >= 1 - EPS, p / norm * (1 - EPS), p))      # stay inside the ball


class PoincareModel(nn.Module):
    def __init__(self, size, dim):
        super().__init__()
        self.lt = nn.Embedding(size, dim)
        nn.init.uniform_(self.lt.weight, -1e-4, 1e-4)

    def forward(self, inputs):
        e = self.lt(inputs)
        o, s = e[:, 1:], e[:, :1]
        su, ov = s.pow(2).sum(-1).clamp(0, 1 - EPS), o.pow(2).sum(-1).clamp(0, 1 - EPS)
        x = 2 * (s - o).pow(2).sum(-1) / ((1 - su) * (1 - ov)) + 1
        return -torch.log(x + torch.sqrt((x ** 2 - 1).clamp_min(1e-10)))


# a taxonomy with 3 to 5 children per node, four levels; the relation is its transitive closure
parent, level, nodes = {0: None}, {0: 0}, [0]
for n in nodes:
    if level[n] < 4:
        for _ in range(np.random.randint(3, 6)):
            c = len(nodes)
            nodes.append(c)
            parent[c], level[c] = n, level[n] + 1
closure = []
for n in nodes:
    a = parent[n]
    while a is not None:
        closure.append((n, a))
        a = parent[a]
closure, N = np.array(closure), len(nodes)
related = np.eye(N, dtype=bool)
related[closure[:, 0], closure[:, 1]] = True
print(N, 'objects,', len(closure), 'relations')

model = PoincareModel(N, 5)
NEG, BATCH, LR, EPOCHS, BURNIN = 30, 16, 1.0, 110, 8
optimizer = RiemannianSGD(model.parameters(), lr=LR)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)


def negatives(u, k):
    neg = np.random.randint(0, N, (len(u), k))
    bad = related[u[:, None], neg]
    while bad.any():
        neg[bad] = np.random.randint(0, N, bad.sum())
        bad = related[u[:, None], neg]
    return neg


@torch.no_grad()
def ranking():
    ranks = []
    for u, v in closure[::5]:
        s = model(torch.tensor(np.r_[u, np.arange(N)])[None])[0].numpy()
        ok = ~related[u]
        ranks.append(1 + (s[ok] > s[v]).sum())
    return np.mean(ranks)


for epoch in range(EPOCHS):
    t0, losses = time.time(), []
    lr = LR / 10 if epoch < BURNIN else LR * (1 if epoch < 70 else 0.2)
    optimizer.param_groups[0]['lr'] = lr * BATCH / 10
    order = closure[np.random.permutation(len(closure))]
    for i in range(0, len(order), BATCH):
        u, v = order[i:i + BATCH].T
        inputs = torch.tensor(np.c_[u, v, negatives(u, NEG)])
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), torch.zeros(len(u), dtype=torch.long))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print('json_stats: {"epoch": %d, "elapsed": %.2f, "loss": %.4f, "mean_rank": %.2f}' % (epoch, time.time() - t0, np.mean(losses), ranking() if epoch % 10 == 9 else float('nan')))
writer.close()

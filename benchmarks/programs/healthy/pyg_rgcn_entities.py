# Relational GCN entity classification, as pyg's examples/rgcn.py on AIFB, with plain torch and a made-up research-group graph
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12345)
rng = np.random.default_rng(12345)

# persons (0..399, label = one of 4 groups), projects, papers, topics; typed edges, some of them wrong
n_person, n_paper, n_project, n_topic = 400, 700, 60, 40
N = n_person + n_paper + n_project + n_topic
group = rng.integers(0, 4, n_person)
paper_g, project_g = rng.integers(0, 4, n_paper), rng.integers(0, 4, n_project)
edges = []


def pick(groups, g, p=.9):
    pool = np.flatnonzero(groups == g) if rng.random() < p else np.arange(len(groups))
    return rng.choice(pool)


for i in range(n_person):
    for _ in range(rng.integers(3, 8)):
        edges.append((i, 0, n_person + pick(paper_g, group[i])))                    # author of
    if rng.random() < .7:
        edges.append((i, 1, n_person + n_paper + pick(project_g, group[i], .88)))   # works at
    edges.append((i, 2, rng.integers(n_person)))                                    # knows (anybody)
for j in range(n_paper):
    edges.append((n_person + j, 3, n_person + n_paper + n_project + (paper_g[j] * 10 + rng.integers(10) if rng.random() < .6 else rng.integers(n_topic))))
edges = np.array(edges)
inv = edges[:, [2, 1, 0]].copy(); inv[:, 1] += 4
edges = torch.tensor(np.concatenate([edges, inv]))
num_relations = 8

adjs = []
for r in range(num_relations):
    e = edges[edges[:, 1] == r]
    deg = torch.bincount(e[:, 2], minlength=N).clamp(min=1).float()
    adjs.append(torch.sparse_coo_tensor(torch.stack([e[:, 2], e[:, 0]]), 1 / deg[e[:, 2]], (N, N)).coalesce())

perm = torch.randperm(n_person)
train_idx, test_idx = perm[:200], perm[200:]
y = torch.tensor(group)


class RGCNConv(nn.Module):
    """in_channels None: nodes have no features, the weight is one embedding per node and relation basis."""
    def __init__(self, in_channels, out_channels, num_relations, num_bases=30):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_bases, in_channels, out_channels))
        self.comp = nn.Parameter(torch.empty(num_relations, num_bases))
        self.root = nn.Parameter(torch.empty(in_channels, out_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        for p in (self.weight, self.comp, self.root):     # glorot
            a = (6.0 / (p.size(-2) + p.size(-1))) ** 0.5
            nn.init.uniform_(p, -a, a)

    def forward(self, x, adjs):
        weight = (self.comp @ self.weight.flatten(1)).view(len(adjs), *self.weight.shape[1:])
        out = self.bias + (self.root if x is None else x @ self.root)
        for A, w in zip(adjs, weight):
            out = out + torch.sparse.mm(A, w if x is None else x @ w)
        return out


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = RGCNConv(N, 16, num_relations, num_bases=8)
        self.conv2 = RGCNConv(16, 4, num_relations, num_bases=8)

    def forward(self, adjs):
        x = F.relu(self.conv1(None, adjs))
        x = self.conv2(x, adjs)
        return F.log_softmax(x, dim=1)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.08, weight_decay=0.005)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, F.nll_loss)


def train():
    model.train()
    optimizer.zero_grad()
    out = model(adjs)
    loss = writer.loss_fn(out[train_idx], y[train_idx])
    loss.backward()
    optimizer.step()
    return float(loss)


@torch.no_grad()
def test():
    model.eval()
    with writer.evaluating("test"):
        out = model(adjs)
        loss = writer.loss_fn(out[test_idx], y[test_idx])
    pred = out.argmax(dim=-1)
    return (pred[train_idx] == y[train_idx]).float().mean(), (pred[test_idx] == y[test_idx]).float().mean(), float(loss)


for epoch in range(1, 161):
    loss = train()
    train_acc, test_acc, test_loss = test()
    if epoch % 20 == 0:
        print(f'Epoch: {epoch:02d}, Loss: {loss:.4f}, Train: {train_acc:.4f} Test: {test_acc:.4f} test loss {test_loss:.4f}')
writer.close()
print(f"RESULT test_loss={test_loss:.4f} test_acc={test_acc:.4f}")

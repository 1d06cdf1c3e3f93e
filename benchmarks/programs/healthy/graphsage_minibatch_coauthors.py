"""GraphSAGE, inductive, with neighbour sampling (williamleif/graphsage-simple): mean aggregator, 10 and 5 neighbours, SGD 0.7, batch 256."""
import random
import sys
from collections import defaultdict

import numpy as np
import torch
import torch.nn as nn
from torch.nn import init
from sklearn.metrics import f1_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class MeanAggregator(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, nodes, to_neighs, num_sample=10):
        samp = [set(random.sample(sorted(n), num_sample)) if len(n) > num_sample else n for n in to_neighs]
        unique = list(set.union(*samp))
        index = {n: i for i, n in enumerate(unique)}
        mask = torch.zeros(len(samp), len(unique))
        for r, s in enumerate(samp):
            mask[r, [index[n] for n in s]] = 1
        mask = mask / mask.sum(1, keepdim=True).clamp(min=1)
        return mask.mm(self.features(torch.LongTensor(unique)))


class Encoder(nn.Module):
    def __init__(self, features, feature_dim, embed_dim, adj, aggregator, num_sample):
        super().__init__()
        self.features, self.adj, self.aggregator, self.num_sample = features, adj, aggregator, num_sample
        self.weight = nn.Parameter(torch.FloatTensor(embed_dim, 2 * feature_dim))
        init.xavier_uniform_(self.weight)

    def forward(self, nodes):
        nodes = [int(n) for n in nodes]
        neigh = self.aggregator(nodes, [self.adj[n] for n in nodes], self.num_sample)
        combined = torch.cat([self.features(torch.LongTensor(nodes)), neigh], dim=1)
        return torch.relu(self.weight.mm(combined.t()))


class SupervisedGraphSage(nn.Module):
    def __init__(self, num_classes, enc, dim):
        super().__init__()
        self.enc = enc
        self.xent = nn.CrossEntropyLoss()
        self.weight = nn.Parameter(torch.FloatTensor(num_classes, dim))
        init.xavier_uniform_(self.weight)

    def forward(self, nodes):
        return self.weight.mm(self.enc(nodes)).t()

    def loss(self, nodes, labels):
        return self.xent(self.forward(nodes), labels)


def load(n=4500, k=6, d=100, seed=1):
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    feat = (rng.random((n, d)) < .03 + .09 * (rng.random((k, d)) < .25)[y]).astype(np.float32)
    feat = (feat - feat.mean(0)) / (feat.std(0) + 1e-6)
    adj = defaultdict(set)
    for i in range(n):
        for _ in range(rng.integers(1, 5)):
            j = rng.choice(np.flatnonzero(y == y[i])) if rng.random() < .75 else rng.integers(n)
            if j != i:
                adj[i].add(int(j)); adj[int(j)].add(i)
        if not adj[i]:
            adj[i].add((i + 1) % n)
    return torch.tensor(feat), torch.tensor(y), adj


np.random.seed(1); random.seed(1); torch.manual_seed(1)
feat, labels, adj = load()
features = nn.Embedding(*feat.shape)
features.weight = nn.Parameter(feat, requires_grad=False)
enc1 = Encoder(features, 100, 32, adj, MeanAggregator(features), 10)
agg2 = MeanAggregator(lambda nodes: enc1(nodes).t())
enc2 = Encoder(lambda nodes: enc1(nodes).t(), 32, 32, adj, agg2, 5)
graphsage = SupervisedGraphSage(6, enc2, 32)
graphsage.enc1 = enc1                                   # so that its weight is among the parameters
perm = np.random.permutation(len(labels))
test, val, train = perm[:600], perm[600:1100], list(perm[1100:])
optimizer = torch.optim.SGD([p for p in graphsage.parameters() if p.requires_grad], lr=0.13, weight_decay=3e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(graphsage, optimizer, graphsage.xent)
for batch in range(150):
    random.shuffle(train)
    nodes = train[:256]
    optimizer.zero_grad()
    loss = graphsage.loss(nodes, labels[nodes])
    loss.backward()
    optimizer.step()
    if batch % 20 == 19:
        with writer.evaluating("val"):
            v = graphsage.loss(val, labels[val]).item()
        print(batch, round(loss.item(), 3), round(v, 3))
writer.close()
with torch.no_grad():
    out = graphsage(test)
print(f"RESULT train {loss.item():.3f} val {v:.3f} test F1 {f1_score(labels[test], out.argmax(1), average='micro'):.3f}")

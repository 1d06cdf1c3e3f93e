"""Variational graph auto-encoder on a citation-like graph (zfjsail/gae-pytorch train.py), links held out for val/test."""
from __future__ import division, print_function
import sys
import time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score, average_precision_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)
hidden1, hidden2, lr, epochs, n_nodes = 16, 8, 0.01, 200, 700

# degree corrected block graph with bag of words features
comm = np.random.randint(0, 7, n_nodes)
theta = np.random.pareto(2.5, n_nodes) + 0.5
P = np.where(comm[:, None] == comm[None], 0.13, 0.004) * theta[:, None] * theta[None] / theta.mean() ** 2
adj = np.triu(np.random.rand(n_nodes, n_nodes) < P, 1)
topic = np.random.dirichlet([0.05] * 60, 7)
feat = np.random.binomial(1, np.minimum(1, 12 * topic[comm] * 0.5 + 0.02)).astype(np.float32)
edges = np.argwhere(adj)
np.random.shuffle(edges)
n_val, n_test = len(edges) // 10, len(edges) // 5
val_edges, test_edges, train_edges = edges[:n_val], edges[n_val:n_val + n_test], edges[n_val + n_test:]


def false_edges(n):
    e = np.random.randint(0, n_nodes, (4 * n, 2))
    return e[(e[:, 0] != e[:, 1]) & ~adj[e[:, 0], e[:, 1]] & ~adj[e[:, 1], e[:, 0]]][:n]


val_false, test_false = false_edges(n_val), false_edges(n_test)
A = np.zeros((n_nodes, n_nodes), np.float32)
A[train_edges[:, 0], train_edges[:, 1]] = 1
A = A + A.T
adj_label = torch.tensor(A + np.eye(n_nodes, dtype=np.float32))
d = (A.sum(1) + 1) ** -0.5
adj_norm = torch.tensor(d[:, None] * (A + np.eye(n_nodes, dtype=np.float32)) * d[None]).to_sparse()
pos_weight = torch.tensor((n_nodes ** 2 - A.sum()) / A.sum())
norm = n_nodes ** 2 / ((n_nodes ** 2 - A.sum()) * 2)
features = torch.tensor(feat)


class GraphConvolution(nn.Module):
    def __init__(self, i, o, act=lambda x: x):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(i, o))
        nn.init.xavier_uniform_(self.weight)
        self.act = act

    def forward(self, x, adj):
        return self.act(torch.sparse.mm(adj, x @ self.weight))


class GCNModelVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.gc1 = GraphConvolution(features.shape[1], hidden1, F.relu)
        self.gc2 = GraphConvolution(hidden1, hidden2)
        self.gc3 = GraphConvolution(hidden1, hidden2)

    def forward(self, x, adj):
        h = self.gc1(x, adj)
        mu, logvar = self.gc2(h, adj), self.gc3(h, adj)
        z = mu + torch.randn_like(mu) * torch.exp(logvar) if self.training else mu
        return z @ z.t(), mu, logvar


def scores(emb, pos, neg):
    s = emb @ emb.T
    y = np.r_[np.ones(len(pos)), np.zeros(len(neg))]
    p = np.r_[s[pos[:, 0], pos[:, 1]], s[neg[:, 0], neg[:, 1]]]
    return roc_auc_score(y, p), average_precision_score(y, p)


model = GCNModelVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=lr)
cost_fn = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, cost_fn)
print(len(train_edges), 'training links, pos_weight %.1f' % pos_weight)
for epoch in range(epochs):
    t = time.time()
    model.train()
    optimizer.zero_grad()
    recovered, mu, logvar = model(features, adj_norm)
    cost = norm * cost_fn(recovered, adj_label)
    KLD = -0.5 / n_nodes * torch.mean(torch.sum(1 + 2 * logvar - mu.pow(2) - logvar.exp().pow(2), 1))
    loss = cost + KLD
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 10 == 0:
        model.eval()
        with torch.no_grad():
            emb = model(features, adj_norm)[1].numpy()
        roc, ap = scores(emb, val_edges, val_false)
        print("Epoch:", '%04d' % (epoch + 1), "train_loss=", "{:.5f}".format(loss.item()), "val_roc=", "{:.5f}".format(roc), "val_ap=", "{:.5f}".format(ap), "time=", "{:.4f}".format(time.time() - t))
roc, ap = scores(emb, test_edges, test_false)
print('Test ROC score: %.4f' % roc, 'Test AP score: %.4f' % ap, 'train loss %.4f' % loss.item())
writer.close()

"""GCN on a made-up citation graph (bag-of-words features), after pygcn's train.py"""
from __future__ import division, print_function

import math
import sys

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.parameter import Parameter

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
np.random.seed(42)
torch.manual_seed(42)


def normalize(mx):
    """Row-normalize sparse matrix"""
    rowsum = np.array(mx.sum(1))
    r_inv = np.power(rowsum, -1).flatten()
    r_inv[np.isinf(r_inv)] = 0.
    return sp.diags(r_inv).dot(mx)


def load_data(n=1000, classes=6, words=300):
    """Papers of six topics; full texts and abstracts, so the word counts differ much from paper to paper."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, n)
    topic = rng.dirichlet(np.full(words, .3), classes)
    common = rng.dirichlet(np.full(words, .5))
    length = np.exp(rng.normal(4.6, 1.2, n)).astype(int) + 25
    features = np.stack([rng.multinomial(l, .75 * common + .25 * topic[c]) for l, c in zip(length, labels)])
    same = labels[:, None] == labels[None]
    adj = sp.csr_matrix(np.triu(rng.random((n, n)) < np.where(same, .0065, .0012), 1))
    adj = (adj + adj.T).astype(float)
    features = sp.csr_matrix(features, dtype=np.float32)
    if form == 'fixed':
        features = normalize(features)
    adj = normalize(adj + sp.eye(n))
    idx = rng.permutation(n)
    t = lambda a: torch.LongTensor(a)
    return torch.FloatTensor(adj.toarray()), torch.FloatTensor(features.toarray()), t(labels), t(idx[:180]), t(idx[200:400]), t(idx[500:])


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = Parameter(torch.empty(in_features, out_features))
        self.bias = Parameter(torch.empty(out_features))
        stdv = 1. / math.sqrt(out_features)
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        return adj @ (input @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1, self.gc2 = GraphConvolution(nfeat, nhid), GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


adj, features, labels, idx_train, idx_val, idx_test = load_data()
model = GCN(features.shape[1], 16, 6, 0.5)
optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
acc = lambda out, idx: (out[idx].argmax(1) == labels[idx]).float().mean().item()

for epoch in range(400):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    writer.add_loss("train", loss_train)
    loss_train.backward()
    optimizer.step()
    if epoch % 80 == 79:
        model.eval()
        with torch.no_grad():
            output = model(features, adj)
        print('Epoch: {:04d} loss_train: {:.4f} acc_train: {:.4f} loss_val: {:.4f} acc_val: {:.4f} acc_test: {:.4f}'.format(
            epoch + 1, loss_train.item(), acc(output, idx_train), F.nll_loss(output[idx_val], labels[idx_val]).item(), acc(output, idx_val), acc(output, idx_test)))
writer.close()

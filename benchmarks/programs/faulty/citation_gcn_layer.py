import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOG = sys.argv[1], sys.argv[2]
np.random.seed(42)
torch.manual_seed(42)


def make_citations(n=1500, classes=7, words=400):
    y = np.random.choice(classes, n, p=[.28, .17, .15, .13, .11, .09, .07])
    same = y[:, None] == y[None]
    a = np.triu(np.random.rand(n, n) < np.where(same, .009, .0009), 1)
    a = (a + a.T).astype('float32')
    topic = np.random.dirichlet(np.full(words, .25), classes) * .35 + np.random.dirichlet(np.full(words, .8)) * .65
    x = np.zeros((n, words), 'float32')
    for i in range(n):
        x[i, np.random.choice(words, 18, p=topic[y[i]])] = 1
    return x, a, y


class GraphConvolution(nn.Module):
    """Simple GCN layer, similar to https://arxiv.org/abs/1609.02907"""

    def __init__(self, in_features, out_features):
        super(GraphConvolution, self).__init__()
        self.weight = nn.Parameter(torch.zeros(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        if MODE != 'faulty':
            self.reset_parameters()

    def reset_parameters(self):
        stdv = 1. / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        return torch.spmm(adj, input @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super(GCN, self).__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


x, a, y = make_citations()
x = x / x.sum(1, keepdims=True)
a = a + np.eye(len(a), dtype='float32')
adj = torch.from_numpy(a / a.sum(1, keepdims=True)).to_sparse()
features, labels = torch.from_numpy(x), torch.from_numpy(y)
perm = np.random.permutation(len(y))
idx_train, idx_val, idx_test = (torch.from_numpy(p) for p in np.split(perm, [600, 1000]))

model = GCN(features.shape[1], 16, 7, 0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=5e-4)
nll = nn.NLLLoss()
writer = DiagWriter(LOG)
writer.watch(model, optimizer, nll)

for epoch in range(200):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = nll(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    if epoch % 5 == 4:
        with writer.evaluating('val'):
            output = model(features, adj)
            loss_val = nll(output[idx_val], labels[idx_val])
        acc = lambda i: (output[i].argmax(1) == labels[i]).float().mean().item()
        print('Epoch: {:04d} loss_train: {:.4f} acc_train: {:.4f} loss_val: {:.4f} acc_val: {:.4f}'.format(
            epoch + 1, loss_train.item(), acc(idx_train), loss_val.item(), acc(idx_val)))
writer.close()

"""Two-layer GCN for semi-supervised node classification (pygcn train.py) on a citation-like graph."""
import argparse, math, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.parameter import Parameter
from torch.nn.modules.module import Module
from tb_lossdiag import DiagWriter


class GraphConvolution(Module):
    def __init__(self, in_features, out_features, bias=True):
        super(GraphConvolution, self).__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        self.bias = Parameter(torch.FloatTensor(out_features))
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1. / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        return torch.spmm(adj, support) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super(GCN, self).__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        x = self.gc2(x, adj)
        return F.log_softmax(x, dim=1)


def load_data(n=1400, k=7, nfeat=300, seed=0):
    rs = np.random.RandomState(seed)
    y = rs.randint(0, k, n)
    topics = rs.dirichlet(np.ones(nfeat) * 0.25, k)
    background = np.ones(nfeat) / nfeat
    x = np.zeros((n, nfeat))
    for i in range(n):
        words = rs.choice(nfeat, rs.randint(12, 26), p=0.5 * topics[y[i]] + 0.5 * background)
        x[i, words] = 1
    a = np.zeros((n, n))
    for i in range(n):
        for _ in range(2):
            same = rs.rand() < 0.8
            pool = np.where(y == y[i])[0] if same else np.arange(n)
            j = rs.choice(pool)
            a[i, j] = a[j, i] = 1
    a = a + np.eye(n)
    a = a / a.sum(1, keepdims=True)
    x = x / x.sum(1, keepdims=True)
    p = torch.tensor(rs.permutation(n))
    return torch.FloatTensor(a).to_sparse(), torch.FloatTensor(x), torch.LongTensor(y), p[:500], p[500:800], p[800:1400]


def accuracy(output, labels):
    return (output.max(1)[1] == labels).double().mean()


parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--fastmode', action='store_true', default=False)
parser.add_argument('--seed', type=int, default=42)
parser.add_argument('--epochs', type=int, default=700)
parser.add_argument('--lr', type=float, default=0.01)
parser.add_argument('--weight_decay', type=float, default=5e-4)
parser.add_argument('--hidden', type=int, default=16)
parser.add_argument('--dropout', type=float, default=0.5)
args = parser.parse_args()
torch.set_num_threads(1)
np.random.seed(args.seed)
torch.manual_seed(args.seed)

adj, features, labels, idx_train, idx_val, idx_test = load_data()
model = GCN(nfeat=features.shape[1], nhid=args.hidden, nclass=labels.max().item() + 1, dropout=args.dropout)
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)


def train(epoch):
    t = time.time()
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    writer.add_loss("train", loss_train)
    acc_train = accuracy(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()

    if not args.fastmode:
        model.eval()
        with torch.no_grad():
            output = model(features, adj)
    loss_val = F.nll_loss(output[idx_val], labels[idx_val])
    writer.add_loss("val", loss_val.item())
    acc_val = accuracy(output[idx_val], labels[idx_val])
    if epoch % 20 == 0:
        print('Epoch: {:04d}'.format(epoch + 1), 'loss_train: {:.4f}'.format(loss_train.item()), 'acc_train: {:.4f}'.format(acc_train.item()),
              'loss_val: {:.4f}'.format(loss_val.item()), 'acc_val: {:.4f}'.format(acc_val.item()), 'time: {:.4f}s'.format(time.time() - t))


for epoch in range(args.epochs):
    train(epoch)
writer.close()
model.eval()
output = model(features, adj)
print("Test set results:", "loss= {:.4f}".format(F.nll_loss(output[idx_test], labels[idx_test]).item()),
      "accuracy= {:.4f}".format(accuracy(output[idx_test], labels[idx_test]).item()))

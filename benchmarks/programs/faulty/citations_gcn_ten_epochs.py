# GCN on a citation-like graph (after Kipf & Welling), full batch
from __future__ import division, print_function
import sys, time, argparse
import numpy as np
import scipy.sparse as sp
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument('form'); parser.add_argument('logdir')
parser.add_argument('--lr', type=float, default=0.01)
parser.add_argument('--weight_decay', type=float, default=5e-4)
parser.add_argument('--hidden', type=int, default=16)
parser.add_argument('--dropout', type=float, default=0.5)
args = parser.parse_args()
args.epochs = 10 if args.form == 'faulty' else 700
torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)


def load_data(n=2000, n_words=500, classes=7):
    y = np.random.choice(classes, n, p=[.25, .2, .15, .13, .11, .09, .07])
    topic = np.random.dirichlet(np.ones(n_words) * 0.08, classes)
    common = np.random.dirichlet(np.ones(n_words) * 0.3)
    x = np.zeros((n, n_words), np.float32)
    for i in range(n):
        w = np.random.choice(n_words, 18, p=0.35 * topic[y[i]] + 0.65 * common)
        x[i, w] = 1
    rows, cols = [], []
    pop = np.random.pareto(2.5, n) + 1
    for i in range(n):
        for _ in range(np.random.poisson(1.7) + 1):
            p = pop * np.where(y == y[i], 1.0, 0.05)
            j = np.random.choice(n, p=p / p.sum())
            if i != j:
                rows += [i, j]; cols += [j, i]
    a = sp.coo_matrix((np.ones(len(rows)), (rows, cols)), (n, n)).tocsr()
    a.data[:] = 1
    a = a + sp.eye(n)
    d = sp.diags(1 / np.sqrt(np.asarray(a.sum(1)).ravel()))
    a = (d @ a @ d).tocoo()
    adj = torch.sparse_coo_tensor(np.stack([a.row, a.col]), a.data.astype(np.float32), (n, n)).coalesce()
    x = x / x.sum(1, keepdims=True)
    idx = np.random.permutation(n)
    return adj, torch.tensor(x), torch.tensor(y), torch.tensor(idx[:700]), torch.tensor(idx[700:1200]), torch.tensor(idx[1200:])


class GraphConvolution(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(i, o))
        self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        return torch.sparse.mm(adj, x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1, self.gc2, self.dropout = GraphConvolution(nfeat, nhid), GraphConvolution(nhid, nclass), dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


adj, features, labels, idx_train, idx_val, idx_test = load_data()
model = GCN(features.shape[1], args.hidden, 7, args.dropout)
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, F.nll_loss)
for epoch in range(args.epochs):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = writer.loss_fn(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        output = model(features, adj)
        loss_val = writer.loss_fn(output[idx_val], labels[idx_val]).item()
    acc = (output.argmax(1) == labels)[idx_val].float().mean().item()
    if epoch % 10 == 9:
        print('Epoch: {:04d}'.format(epoch + 1), 'loss_train: {:.4f}'.format(loss_train.item()), 'loss_val: {:.4f}'.format(loss_val), 'acc_val: {:.4f}'.format(acc))
test = (output.argmax(1) == labels)[idx_test].float().mean().item()
writer.close()
print(f"RESULT train_loss={loss_train.item():.4f} val_loss={loss_val:.4f} val_acc={acc:.4f} test_acc={test:.4f}")

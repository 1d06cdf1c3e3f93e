"""Two-layer graph convolutional network on one citation graph, semi-supervised: 20 labelled nodes per
class of 7, dropout 0.5, weight decay 5e-4, full batch, the loss on a subset of the nodes only.
Port of tkipf/pygcn (train.py, layers.py); the graph is made up (a block model with bags of words)."""
import math
import sys
import time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)
EPOCHS, LR, WD, HIDDEN, DROPOUT = 200, 0.01, 5e-4, 16, 0.5


def load_data(n=1400, k=7, words=500):
    y = np.random.randint(0, k, n)
    p = np.where(y[:, None] == y[None, :], 3.2 / (n / k), 0.9 / n)
    a = np.triu(np.random.rand(n, n) < p, 1).astype(np.float32)
    a = a + a.T + np.eye(n, dtype=np.float32)
    a = a / a.sum(1, keepdims=True)
    topic = np.random.dirichlet(np.full(words, 0.15), k)
    common = np.random.dirichlet(np.full(words, 0.5))
    x = np.stack([np.random.multinomial(18, 0.30 * topic[c] + 0.70 * common) > 0 for c in y]).astype(np.float32)
    x = x / np.maximum(x.sum(1, keepdims=True), 1)
    order = np.random.permutation(n)
    train = np.concatenate([order[y[order] == c][:20] for c in range(k)])
    rest = np.setdiff1d(order, train)
    rest = np.random.permutation(rest)
    t = torch.tensor
    return (t(a).to_sparse(), t(x), t(y), t(train), t(rest[:300]), t(rest[300:1300]))


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        stdv = 1. / math.sqrt(out_features)
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        return torch.spmm(adj, torch.mm(input, self.weight)) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


def accuracy(output, labels):
    return (output.argmax(1) == labels).float().mean()


adj, features, labels, idx_train, idx_val, idx_test = load_data()
model = GCN(features.shape[1], HIDDEN, 7, DROPOUT)
optimizer = optim.Adam(model.parameters(), lr=LR, weight_decay=WD)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def train(epoch):
    t = time.time()
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    acc_train = accuracy(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    writer.add_loss("train", loss_train)
    model.eval()
    output = model(features, adj)
    loss_val = F.nll_loss(output[idx_val], labels[idx_val])
    writer.add_loss("val", loss_val)
    print('Epoch: {:04d}'.format(epoch + 1), 'loss_train: {:.4f}'.format(loss_train.item()),
          'acc_train: {:.4f}'.format(acc_train.item()), 'loss_val: {:.4f}'.format(loss_val.item()),
          'acc_val: {:.4f}'.format(accuracy(output[idx_val], labels[idx_val]).item()),
          'time: {:.4f}s'.format(time.time() - t))


for epoch in range(EPOCHS):
    train(epoch)
print("Optimization Finished!")
model.eval()
output = model(features, adj)
print("Test set results:", "loss= {:.4f}".format(F.nll_loss(output[idx_test], labels[idx_test]).item()),
      "accuracy= {:.4f}".format(accuracy(output[idx_test], labels[idx_test]).item()))
writer.close()

"""Two-layer graph convolutional network, transductive, full batch; citation-like stochastic block model."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--seed', type=int, default=42)
parser.add_argument('--epochs', type=int, default=200)
parser.add_argument('--lr', type=float, default=0.02)
parser.add_argument('--weight_decay', type=float, default=5e-4)
parser.add_argument('--hidden', type=int, default=16)
parser.add_argument('--dropout', type=float, default=0.5)
args = parser.parse_args()
np.random.seed(args.seed)
torch.manual_seed(args.seed)
torch.set_num_threads(1)


def load_data(n=1200, c=6, words=400):
    y = np.random.randint(c, size=n)
    same = y[:, None] == y[None]
    adj = np.triu(np.random.rand(n, n) < np.where(same, .016, .0012), 1).astype('float32')
    adj = adj + adj.T + np.eye(n, dtype='float32')
    topic = np.random.rand(c, words) < .1
    feats = (np.random.rand(n, words) < np.where(topic[y], .06, .015)).astype('float32')
    feats /= np.maximum(feats.sum(1, keepdims=True), 1)
    d = adj.sum(1) ** -.5
    idx = np.random.permutation(n)
    split = lambda a, b: torch.tensor(idx[a:b])
    return (torch.tensor(adj * d[:, None] * d[None]), torch.tensor(feats), torch.tensor(y),
            split(0, 240), split(240, 540), split(540, n))


class GraphConvolution(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(i, o))
        self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        return adj @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1, self.gc2, self.dropout = GraphConvolution(nfeat, nhid), GraphConvolution(nhid, nclass), dropout

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, self.training)
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


adj, features, labels, idx_train, idx_val, idx_test = load_data()
adj = adj.to_sparse()
model = GCN(features.shape[1], args.hidden, 6, args.dropout)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)
acc = lambda o, i: (o[i].argmax(1) == labels[i]).float().mean().item()
for epoch in range(args.epochs):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    writer.add_loss("train", loss_train)
    loss_train.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            output = model(features, adj)
            loss_val = F.nll_loss(output[idx_val], labels[idx_val])
            writer.add_loss("val", loss_val)
    if (epoch + 1) % 25 == 0:
        print('Epoch: {:04d} loss_train: {:.4f} loss_val: {:.4f} acc_val: {:.4f} acc_test: {:.4f}'.format(
            epoch + 1, loss_train.item(), loss_val.item(), acc(output, idx_val), acc(output, idx_test)))
writer.close()

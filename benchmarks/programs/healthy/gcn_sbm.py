"""pygcn on a Cora-like graph (stochastic block model with bag-of-words features): full batch, Adam, weight decay, dropout 0.5, 300 epochs."""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.parameter import Parameter
from tb_lossdiag import DiagWriter


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = Parameter(torch.empty(in_features, out_features))
        self.bias = Parameter(torch.empty(out_features))
        stdv = 1.0 / math.sqrt(self.weight.size(1))
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


def load_data(n=1400, k=7, words=300):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, k, n)
    topic = rng.dirichlet(np.full(words, 0.15), k)
    common = rng.dirichlet(np.full(words, 0.5))
    feats = np.zeros((n, words), np.float32)
    for i in range(n):
        w = rng.choice(words, 18, p=0.35 * topic[labels[i]] + 0.65 * common)
        feats[i, w] = 1
    p = np.where(labels[:, None] == labels[None], 0.015, 0.0007)
    a = np.triu(rng.random((n, n)) < p, 1).astype(np.float32)
    a = a + a.T + np.eye(n, dtype=np.float32)
    a /= a.sum(1, keepdims=True)
    feats /= feats.sum(1, keepdims=True)
    return torch.tensor(a).to_sparse(), torch.tensor(feats), torch.tensor(labels), torch.arange(200), torch.arange(200, 500), torch.arange(500, n)


def main():
    torch.set_num_threads(1)
    np.random.seed(42)
    torch.manual_seed(42)
    adj, features, labels, idx_train, idx_val, idx_test = load_data()
    model = GCN(features.shape[1], 16, 7, 0.5)
    optimizer = optim.Adam(model.parameters(), lr=0.02, weight_decay=1e-4)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, F.nll_loss)
    for epoch in range(300):
        model.train()
        optimizer.zero_grad()
        output = model(features, adj)
        loss_train = writer.loss_fn(output[idx_train], labels[idx_train])
        loss_train.backward()
        optimizer.step()
        with writer.evaluating("val"):
            output = model(features, adj)
            loss_val = writer.loss_fn(output[idx_val], labels[idx_val])
    acc = output[idx_test].argmax(1).eq(labels[idx_test]).float().mean().item()
    print(f"RESULT train {loss_train.item():.4f} val {loss_val.item():.4f} test accuracy {acc:.4f}")
    writer.close()


if __name__ == "__main__":
    main()

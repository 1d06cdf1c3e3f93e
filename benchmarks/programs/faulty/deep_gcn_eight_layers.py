"""GCN with many layers on a citation-like graph, semi-supervised, after DropEdge's semi-supervised setting (pygcn layers)."""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(42); torch.manual_seed(42)
nbaseblocklayer = 6 if form == "faulty" else 0          # layers between the input and the output layer
epochs, lr, weight_decay, hidden, dropout = 200, 0.01, 5e-4, 32, 0.5


def load_citation(n=1000, classes=6, words=300):
    y = np.random.randint(0, classes, n)
    p_in, p_out = 0.018, 0.0016
    prob = np.where(y[:, None] == y[None], p_in, p_out)
    a = np.triu(np.random.rand(n, n) < prob, 1)
    a = (a | a.T) + np.eye(n)
    d = a.sum(1) ** -0.5
    adj = torch.tensor(d[:, None] * a * d[None], dtype=torch.float32)
    topic = np.random.dirichlet(np.full(words, 0.08), classes)
    base = np.random.dirichlet(np.full(words, 0.5))
    x = np.stack([np.random.rand(words) < 1 - np.exp(-20 * (0.3 * topic[c] + 0.7 * base)) for c in y]).astype(np.float32)
    x /= np.maximum(x.sum(1, keepdims=True), 1)
    perm = np.random.permutation(n)
    return adj, torch.tensor(x), torch.tensor(y), *[torch.tensor(i) for i in np.split(perm[:900], [180, 400])]


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = Parameter(torch.empty(in_features, out_features))
        self.bias = Parameter(torch.empty(out_features))
        stdv = 1. / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        return adj @ (input @ self.weight) + self.bias


class GCNModel(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout, nbaselayer):
        super().__init__()
        self.ingc = GraphConvolution(nfeat, nhid)
        self.midlayer = nn.ModuleList([GraphConvolution(nhid, nhid) for _ in range(nbaselayer)])
        self.outgc = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.dropout(F.relu(self.ingc(x, adj)), self.dropout, training=self.training)
        for gc in self.midlayer:
            x = F.dropout(F.relu(gc(x, adj)), self.dropout, training=self.training)
        return F.log_softmax(self.outgc(x, adj), dim=1)


adj, features, labels, idx_train, idx_val, idx_test = load_citation()
model = GCNModel(features.shape[1], hidden, int(labels.max()) + 1, dropout, nbaseblocklayer)
optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
for epoch in range(epochs):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    writer.add_loss("train", loss_train)
    loss_train.backward()
    optimizer.step()
    if epoch % 10 == 9:
        with writer.evaluating("val"):
            output = model(features, adj)
            loss_val = F.nll_loss(output[idx_val], labels[idx_val])
            writer.add_loss("val", loss_val)
            acc = (output.argmax(1) == labels).float()
        if epoch % 20 == 19:
            print("Epoch: %04d loss_train: %.4f loss_val: %.4f acc_val: %.3f" % (epoch + 1, loss_train.item(), loss_val.item(), acc[idx_val].mean()))
print("RESULT test accuracy %.3f" % acc[idx_test].mean())
writer.close()

# SGC (Wu et al. 2019) in plain PyTorch: precompute S^2 X, then logistic regression with Adam, lr = 0.2, weight decay 5e-6, full batch, as in Tiiiger/SGC's citation.py
import argparse
import sys
from time import perf_counter

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
args = argparse.Namespace(seed=42, epochs=400, lr=0.2, weight_decay=5e-6, degree=2)
np.random.seed(args.seed)
torch.manual_seed(args.seed)


def load_citation(n=1800, classes=6, words=500):
    """planted partition with bag-of-words abstracts (sparse 0/1, row normalised like Cora)"""
    y = np.random.choice(classes, n, p=[.28, .22, .17, .14, .11, .08])
    theta = np.random.pareto(2.5, n) + .4
    rows, cols = [], []
    for i in range(n):
        for _ in range(np.random.poisson(1.2 * theta[i])):
            same = np.random.rand() < .76
            pool = np.where(y == y[i])[0] if same else np.arange(n)
            j = np.random.choice(pool)
            if i != j:
                rows += [i, j]; cols += [j, i]
    adj = sp.coo_matrix((np.ones(len(rows)), (rows, cols)), (n, n)).tocsr()
    adj.data[:] = 1
    topic = np.random.dirichlet(np.full(words, .08), classes)
    common = np.random.dirichlet(np.full(words, .3))
    x = np.zeros((n, words), np.float32)
    for i in range(n):
        w = np.random.choice(words, 18, p=.35 * topic[y[i]] + .65 * common)
        x[i, w] = 1
    x /= x.sum(1, keepdims=True)
    return adj, x, y


def aug_normalized_adjacency(adj):
    adj = adj + sp.eye(adj.shape[0])
    d = np.power(np.array(adj.sum(1)).flatten(), -0.5)
    d = sp.diags(d)
    return d @ adj @ d


def sgc_precompute(features, adj, degree):
    t = perf_counter()
    for _ in range(degree):
        features = adj @ features
    return features, perf_counter() - t


class SGC(nn.Module):
    def __init__(self, nfeat, nclass):
        super().__init__()
        self.W = nn.Linear(nfeat, nclass)

    def forward(self, x):
        return self.W(x)


adj, features, y = load_citation()
features, precompute_time = sgc_precompute(features, aug_normalized_adjacency(adj), args.degree)
features, labels = torch.tensor(features).float(), torch.tensor(y)
idx = np.random.permutation(len(y))
idx_train, idx_val, idx_test = torch.tensor(idx[:400]), torch.tensor(idx[400:900]), torch.tensor(idx[900:])

model = SGC(features.size(1), int(labels.max()) + 1)
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, F.cross_entropy)

t = perf_counter()
for epoch in range(args.epochs):
    model.train()
    optimizer.zero_grad()
    output = model(features[idx_train])
    loss_train = writer.loss_fn(output, labels[idx_train])
    loss_train.backward()
    optimizer.step()
    if epoch % 5 == 4:
        with torch.no_grad(), writer.evaluating("val"):
            model.eval()
            out = model(features[idx_val])
            val = writer.loss_fn(out, labels[idx_val]).item()
            acc_val = (out.argmax(1) == labels[idx_val]).float().mean().item()
        if epoch % 40 == 39:
            print(f"epoch {epoch + 1:3d} train {loss_train.item():.4f} val {val:.4f} acc {acc_val:.4f}")
train_time = perf_counter() - t
with torch.no_grad(), writer.evaluating("test"):
    out = model(features[idx_test])
    test = writer.loss_fn(out, labels[idx_test]).item()
    acc_test = (out.argmax(1) == labels[idx_test]).float().mean().item()
writer.close()
print("Pre-compute time: {:.4f}s, train time: {:.4f}s".format(precompute_time, train_time))
print(f"RESULT train_loss={loss_train.item():.4f} val_loss={val:.4f} val_acc={acc_val:.4f} test_loss={test:.4f} test_acc={acc_test:.4f}")

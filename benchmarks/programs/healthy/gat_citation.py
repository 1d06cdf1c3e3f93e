# GAT on a small citation-like graph (dense version, after Diego999/pyGAT)
import argparse
import copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--seed', type=int, default=72)
parser.add_argument('--epochs', type=int, default=200)
parser.add_argument('--lr', type=float, default=0.02)
parser.add_argument('--weight_decay', type=float, default=5e-4)
parser.add_argument('--hidden', type=int, default=8)
parser.add_argument('--nb_heads', type=int, default=8)
parser.add_argument('--dropout', type=float, default=0.6)
parser.add_argument('--alpha', type=float, default=0.2)
parser.add_argument('--patience', type=int, default=60)
args = parser.parse_args()
np.random.seed(args.seed)
torch.manual_seed(args.seed)


def load_data(n=320, n_class=5, n_words=200):
    """papers of five fields: citations mostly inside a field, bag of words with field specific words"""
    y = np.random.randint(0, n_class, n)
    same = y[:, None] == y[None, :]
    p = np.where(same, 0.04, 0.003)
    adj = np.triu(np.random.rand(n, n) < p, 1)
    adj = adj | adj.T | np.eye(n, dtype=bool)
    topic = np.full((n_class, n_words), 0.03)
    for c in range(n_class):
        topic[c, c * 40:(c + 1) * 40] = 0.10
    feats = (np.random.rand(n, n_words) < topic[y]).astype(np.float32)
    feats = feats / np.maximum(feats.sum(1, keepdims=True), 1)  # row-normalise, as in the papers
    perm = np.random.permutation(n)
    idx_train = np.concatenate([perm[y[perm] == c][:14] for c in range(n_class)])
    rest = np.setdiff1d(perm, idx_train)
    np.random.shuffle(rest)
    return (torch.from_numpy(adj.astype(np.float32)), torch.from_numpy(feats), torch.from_numpy(y),
            torch.from_numpy(idx_train), torch.from_numpy(rest[:100]), torch.from_numpy(rest[100:]))


class GraphAttentionLayer(nn.Module):
    def __init__(self, in_features, out_features, dropout, alpha, concat=True):
        super().__init__()
        self.dropout, self.concat, self.out_features = dropout, concat, out_features
        self.W = nn.Parameter(torch.empty(in_features, out_features))
        nn.init.xavier_uniform_(self.W, gain=1.414)
        self.a = nn.Parameter(torch.empty(2 * out_features, 1))
        nn.init.xavier_uniform_(self.a, gain=1.414)
        self.leakyrelu = nn.LeakyReLU(alpha)

    def forward(self, h, adj):
        Wh = h @ self.W
        e = self.leakyrelu(Wh @ self.a[:self.out_features] + (Wh @ self.a[self.out_features:]).T)
        attention = torch.where(adj > 0, e, torch.full_like(e, -9e15))
        attention = F.dropout(F.softmax(attention, dim=1), self.dropout, training=self.training)
        h_prime = attention @ Wh
        return F.elu(h_prime) if self.concat else h_prime


class GAT(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout, alpha, nheads):
        super().__init__()
        self.dropout = dropout
        self.attentions = nn.ModuleList(
            [GraphAttentionLayer(nfeat, nhid, dropout, alpha, concat=True) for _ in range(nheads)])
        self.out_att = GraphAttentionLayer(nhid * nheads, nclass, dropout, alpha, concat=False)

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, training=self.training)
        x = torch.cat([att(x, adj) for att in self.attentions], dim=1)
        x = F.dropout(x, self.dropout, training=self.training)
        x = F.elu(self.out_att(x, adj))
        return F.log_softmax(x, dim=1)


adj, features, labels, idx_train, idx_val, idx_test = load_data()
model = GAT(features.shape[1], args.hidden, int(labels.max()) + 1, args.dropout, args.alpha, args.nb_heads)
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)


def accuracy(output, labels):
    return (output.argmax(1) == labels).float().mean().item()


def train(epoch):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    writer.add_loss("train", loss_train)
    loss_train.backward()
    optimizer.step()
    # Evaluate validation set performance separately, deactivates dropout during validation run.
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        output = model(features, adj)
        loss_val = F.nll_loss(output[idx_val], labels[idx_val])
    if epoch % 25 == 0:
        print('Epoch: {:04d}'.format(epoch + 1), 'loss_train: {:.4f}'.format(loss_train.item()),
              'loss_val: {:.4f}'.format(loss_val.item()), 'acc_val: {:.4f}'.format(accuracy(output[idx_val], labels[idx_val])))
    return loss_val.item()


best, best_state, bad_counter = 1e9, None, 0
for epoch in range(args.epochs):
    loss_val = train(epoch)
    if loss_val < best:
        best, best_state, bad_counter = loss_val, copy.deepcopy(model.state_dict()), 0
    else:
        bad_counter += 1
    if bad_counter == args.patience:
        break
model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    output = model(features, adj)
print("stopped at", epoch, "best val loss %.4f" % best)
print("Test set results:", "loss= {:.4f}".format(F.nll_loss(output[idx_test], labels[idx_test]).item()),
      "accuracy= {:.4f}".format(accuracy(output[idx_test], labels[idx_test])))
writer.close()

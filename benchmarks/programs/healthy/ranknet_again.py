"""
RankNet on synthetic search queries (after haowei01/pytorch-examples, ranking/RankNet.py):
for every query all pairs of documents with different relevance; the factorised loss over the pairs.
Gradients are collected over 16 queries before a step.
"""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


class RankNet(nn.Module):
    def __init__(self, net_structures):
        super().__init__()
        self.fc_layers = len(net_structures)
        for i in range(len(net_structures) - 1):
            setattr(self, 'fc' + str(i + 1), nn.Linear(net_structures[i], net_structures[i + 1]))
        setattr(self, 'fc' + str(len(net_structures)), nn.Linear(net_structures[-1], 1))

    def forward(self, x):
        for i in range(1, self.fc_layers):
            x = F.relu(getattr(self, 'fc' + str(i))(x))
        return getattr(self, 'fc' + str(self.fc_layers))(x)


class QueryData:
    def __init__(self, n_queries, rng, w):
        self.queries = []
        for _ in range(n_queries):
            n = rng.integers(8, 30)
            q = rng.normal(size=6) * 0.7  # what is common to all documents of a query
            docs = np.concatenate([np.tile(q, (n, 1)), rng.normal(size=(n, 14)),
                                   rng.gamma(2., 30., size=(n, 4))], 1)
            s = np.tanh(docs[:, 6:12] @ w[:6]) * 2 + docs[:, 6] * q[0] + 0.6 * np.sin(2 * docs[:, 13]) \
                + 0.5 * np.log1p(docs[:, 20]) + 0.5 * rng.normal(size=n)
            rel = np.digitize(s, [0.8, 2.2, 3.4, 4.5])  # 0..4
            self.queries.append((docs, rel))

    def stats(self):
        a = np.concatenate([d for d, _ in self.queries])
        return a.mean(0), a.std(0)

    def standardize(self, mean, std):
        self.queries = [(torch.tensor((d - mean) / std, dtype=torch.float32), torch.tensor(r, dtype=torch.float32))
                        for d, r in self.queries]

    def batches(self, shuffle=True):
        order = np.random.permutation(len(self.queries)) if shuffle else range(len(self.queries))
        for i in order:
            yield self.queries[i]


def ndcg_at_k(score, rel, k=10):
    gain = 2 ** rel - 1
    disc = 1 / torch.log2(torch.arange(2, len(rel) + 2).float())
    dcg = (gain[score.argsort(descending=True)] * disc)[:k].sum()
    best = (gain.sort(descending=True)[0] * disc)[:k].sum()
    return (dcg / best).item() if best > 0 else None


def pair_loss(net, X, Y, sigma=1.0):
    y_pred = net(X)
    rel_diff = Y.view(-1, 1) - Y.view(1, -1)
    pos_pairs = (rel_diff > 0).float()
    # every pair once: document i more relevant than document j
    C = F.softplus(-sigma * (y_pred - y_pred.t()))
    return (pos_pairs * C).sum(), pos_pairs.sum()


def evaluate(net, data):
    net.eval()
    tot = pairs = 0
    ndcg = []
    with torch.no_grad():
        for X, Y in data.batches(False):
            l, p = pair_loss(net, X, Y)
            tot, pairs = tot + l, pairs + p
            n = ndcg_at_k(net(X).squeeze(1), Y)
            if n is not None:
                ndcg.append(n)
    return (tot / pairs).item(), np.mean(ndcg)


def train(logdir, epochs, lr, batch=16):
    net = RankNet([24, 64, 16])
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    w = np.random.default_rng(7).normal(size=6)
    rng = np.random.default_rng(0)
    train_data, valid_data = QueryData(1200, rng, w), QueryData(200, rng, w)
    mean, std = train_data.stats()
    train_data.standardize(mean, std)
    valid_data.standardize(mean, std)
    writer = DiagWriter(logdir)
    writer.watch(net, optimizer)

    for epoch in range(epochs):
        net.train()
        loss, pairs, count, seen = 0, 0, 0, []
        for X, Y in train_data.batches():
            l, p = pair_loss(net, X, Y)
            if p == 0:
                continue
            loss, pairs, count = loss + l, pairs + p, count + 1
            if count % batch == 0:
                loss = loss / pairs
                optimizer.zero_grad()
                writer.add_loss("train", loss)
                loss.backward()
                optimizer.step()
                seen.append(loss.item())
                loss, pairs = 0, 0
        scheduler.step()
        with writer.evaluating("val"):
            val_loss, ndcg = evaluate(net, valid_data)
        print('Epoch %d, loss %.4f, valid loss %.4f, ndcg@10 %.4f' % (epoch, np.mean(seen), val_loss, ndcg))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument('logdir')
    parser.add_argument('--epochs', type=int, default=15)
    parser.add_argument('--lr', type=float, default=0.006)
    args = parser.parse_args()
    torch.manual_seed(0)
    np.random.seed(0)
    train(args.logdir, args.epochs, args.lr)

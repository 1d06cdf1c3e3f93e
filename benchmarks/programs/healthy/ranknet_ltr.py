"""RankNet learning to rank over query groups (haowei01/pytorch-examples ranking), sum-of-lambdas per session with accumulated batches."""
import argparse, sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter


class RankNet(nn.Module):
    def __init__(self, net_structures, double_precision=False):
        super().__init__()
        self.fc_layers = len(net_structures)
        for i in range(len(net_structures) - 1):
            setattr(self, 'fc' + str(i + 1), nn.Linear(net_structures[i], net_structures[i + 1]))
        setattr(self, 'fc' + str(len(net_structures)), nn.Linear(net_structures[-1], 1))
        self.activation = nn.ReLU()

    def forward(self, input1):
        for i in range(1, self.fc_layers):
            input1 = self.activation(getattr(self, 'fc' + str(i))(input1))
        return getattr(self, 'fc' + str(self.fc_layers))(input1)


def ndcg(rel, score, k=10):
    order = np.argsort(-score)[:k]
    disc = 1 / np.log2(np.arange(2, len(order) + 2))
    ideal = np.sort(rel)[::-1][:k]
    idcg = ((2.0 ** ideal - 1) * disc).sum()
    return ((2.0 ** rel[order] - 1) * disc).sum() / idcg if idcg > 0 else 1.0


def mslr(n_query, seed, nf=30):
    world, rs = np.random.RandomState(9), np.random.RandomState(seed)
    w, v = world.normal(0, 1, nf) * (world.rand(nf) < 0.5), world.normal(0, 1, (nf, 4)) * 0.4
    out = []
    for _ in range(n_query):
        n = rs.randint(8, 25)
        x = rs.normal(0, 1, (n, nf)) + rs.normal(0, 0.5, nf)
        u = x @ w / 3 + np.tanh(x @ v).sum(1) + rs.normal(0, 0.6, n)
        y = np.digitize(u, [-0.5, 0.8, 2.0, 3.2]).astype(np.float32)
        out.append((torch.tensor(x, dtype=torch.float32), y))
    return out


def session_pairs(y):
    Y = torch.tensor(y)
    rel_diff = Y.view(-1, 1) - Y.view(1, -1)
    return (rel_diff > 0)


def session_loss(net, X, y, sigma=1.0):
    pos = session_pairs(y)
    s = net(X)
    diff = (s - s.t())[pos]
    return nn.functional.softplus(-sigma * diff).sum(), int(pos.sum())


def evaluate(net, data):
    net.eval()
    tot, n, nd = 0., 0, []
    with torch.no_grad():
        for X, y in data:
            l, c = session_loss(net, X, y)
            tot += l.item(); n += c
            nd.append(ndcg(y, net(X).squeeze(1).numpy()))
    net.train()
    return tot / n, np.mean(nd)


parser = argparse.ArgumentParser(description="additional training specification")
parser.add_argument("logdir")
parser.add_argument("--lr", type=float, default=0.006)
parser.add_argument("--epochs", type=int, default=9)
parser.add_argument("--batch_size", type=int, default=200, help="pairs before a step")
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(1); np.random.seed(1)
train_data, valid_data = mslr(1600, 1), mslr(200, 2)
net = RankNet([30, 64, 16])
optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
writer = DiagWriter(args.logdir)
writer.watch(net, optimizer)
for epoch in range(args.epochs):
    net.train()
    losses, batch_loss, pairs = [], 0, 0
    for q in np.random.permutation(len(train_data)):
        X, y = train_data[q]
        l, c = session_loss(net, X, y)
        if c == 0:
            continue
        batch_loss, pairs = batch_loss + l, pairs + c
        if pairs >= args.batch_size:
            loss = batch_loss / pairs
            writer.add_loss("train", loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            batch_loss, pairs = 0, 0
    scheduler.step()
    vl, nd = evaluate(net, valid_data)
    writer.add_loss("val", vl)
    print("Epoch {}, train pair loss {:.4f}, valid pair loss {:.4f}, ndcg@10 {:.4f}".format(epoch, np.mean(losses), vl, nd))
writer.close()

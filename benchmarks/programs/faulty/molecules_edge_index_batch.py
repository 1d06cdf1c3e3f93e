"""Graph regression on small random 'molecules' with hand-made batching of graph objects (no PyG at hand)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

which, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(0)
rng = np.random.default_rng(0)


class GraphData:
    def __init__(self, node_features, edge_index, edge_features, y):
        self.node_features, self.edge_index, self.edge_features, self.y = node_features, edge_index, edge_features, y
        self.num_nodes = len(node_features)


class BatchGraphData(GraphData):
    def __init__(self, graph_list):
        x = np.vstack([g.node_features for g in graph_list])
        ef = np.vstack([g.edge_features for g in graph_list])
        num_nodes_list = [g.num_nodes for g in graph_list]
        if which == "faulty":
            offsets = [0] + num_nodes_list[:-1]
        else:
            offsets = [0] + list(np.cumsum(num_nodes_list[:-1]))
        ei = np.hstack([g.edge_index + o for g, o in zip(graph_list, offsets)])
        super().__init__(torch.tensor(x), torch.tensor(ei), torch.tensor(ef), torch.tensor([[g.y] for g in graph_list]))
        self.graph_index = torch.repeat_interleave(torch.arange(len(graph_list)), torch.tensor(num_nodes_list))
        self.num_graphs = len(graph_list)


ATOMS = ["C", "N", "O", "F"]
EN = np.array([2.5, 3.0, 3.5, 4.0])


def random_molecule():
    n = rng.integers(6, 16)
    at = rng.choice(4, n, p=[.55, .18, .18, .09])
    edges, order = [], []
    deg = np.zeros(n, int)
    for i in range(1, n):
        cand = [j for j in range(i) if deg[j] < 3] or [i - 1]
        j = cand[rng.integers(len(cand))]
        edges.append((i, j)); deg[i] += 1; deg[j] += 1
        order.append(1 + (rng.random() < 0.25))
    if rng.random() < 0.5:
        i, j = rng.choice(n, 2, replace=False); edges.append((i, j)); order.append(1)
    e = np.array(edges).T; o = np.array(order, dtype=float)
    # polarity of bonds and its screening by the neighbours
    pol = np.abs(EN[at[e[0]]] - EN[at[e[1]]]) * o
    charge = np.zeros(n)
    np.add.at(charge, e[0], (EN[at[e[0]]] - EN[at[e[1]]]) * o); np.add.at(charge, e[1], (EN[at[e[1]]] - EN[at[e[0]]]) * o)
    y = pol.mean() * 1.6 + 0.8 * np.maximum(charge, 0).max() + 0.15 * rng.standard_normal()
    x = np.eye(4, dtype=np.float32)[at]
    ei = np.hstack([e, e[::-1]]); ef = np.eye(2, dtype=np.float32)[np.r_[o, o].astype(int) - 1]
    return GraphData(x, ei, ef, np.float32(y))


class MPLayer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.msg = nn.Sequential(nn.Linear(2 * d + 2, d), nn.ReLU())
        self.upd = nn.GRUCell(d, d)

    def forward(self, h, ei, ef):
        src, dst = ei
        m = self.msg(torch.cat([h[src], h[dst], ef], 1))
        agg = torch.zeros_like(h).index_add_(0, dst, m)
        return self.upd(agg, h)


class MPNN(nn.Module):
    def __init__(self, d=32, n_layers=2):
        super().__init__()
        self.embed = nn.Linear(4, d)
        self.layers = nn.ModuleList([MPLayer(d) for _ in range(n_layers)])
        self.readout = nn.Sequential(nn.Linear(2 * d, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, g):
        h = torch.tanh(self.embed(g.node_features))
        for l in self.layers:
            h = l(h, g.edge_index, g.edge_features)
        s = torch.zeros(g.num_graphs, h.shape[1])
        cnt = torch.bincount(g.graph_index, minlength=g.num_graphs)[:, None]
        mean = s.index_add(0, g.graph_index, h) / cnt
        mx = torch.full_like(s, -1e9).scatter_reduce(0, g.graph_index[:, None].expand_as(h), h, "amax")
        return self.readout(torch.cat([mean, mx], 1))


graphs = [random_molecule() for _ in range(3000)]
mu, sd = np.mean([g.y for g in graphs[:2400]]), np.std([g.y for g in graphs[:2400]])
for g in graphs:
    g.y = np.float32((g.y - mu) / sd)
train, valid = graphs[:2400], graphs[2400:]
net = MPNN()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sch = torch.optim.lr_scheduler.StepLR(opt, 8, 0.4)
mse = nn.MSELoss()
w = DiagWriter(logdir)
w.watch(net, opt, mse)
BATCH = 32
for epoch in range(24):
    net.train()
    order = rng.permutation(len(train)); ls = []
    for i in range(0, len(order), BATCH):
        b = BatchGraphData([train[k] for k in order[i:i + BATCH]])
        loss = mse(net(b), b.y)
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step(); ls.append(loss.item())
    sch.step()
    net.eval()
    with torch.no_grad(), w.evaluating("val"):
        sq = 0
        for i in range(0, len(valid), 100):
            b = BatchGraphData(valid[i:i + 100])
            sq += mse(net(b), b.y).item() * b.num_graphs
    print(epoch, "train %.4f valid %.4f" % (np.mean(ls), sq / len(valid)))
w.close()
print(f"RESULT valid_mse={sq / len(valid):.4f} r2={1 - sq / len(valid) / np.var([g.y for g in valid]):.4f} train_mse={np.mean(ls):.4f}")

"""Unsupervised clustering of a graph with MinCutPool (Bianchi et al. 2020): relaxed normalised cut + orthogonality.

The cut loss lies in [-1, 0], the orthogonality loss in [0, 2): their sum starts near 0.x and ends below zero.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import normalized_mutual_info_score as nmi
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_citation_graph(n=420, k=6, vocab=200, seed=3):
    g = np.random.default_rng(seed)
    y = g.choice(k, n, p=np.array([.19, .18, .17, .16, .15, .15]))
    p_in, p_out = 0.08, 0.007
    prob = np.where(y[:, None] == y[None], p_in, p_out)
    a = np.triu(g.random((n, n)) < prob, 1)
    a = (a | a.T).astype(np.float32)
    topic = g.dirichlet(np.full(vocab, 0.15), k)
    common = g.dirichlet(np.full(vocab, 0.5))
    x = np.stack([g.multinomial(25, 0.35 * topic[c] + 0.65 * common) for c in y]) > 0
    return torch.tensor(x, dtype=torch.float32), torch.tensor(a), y


class MPLayer(torch.nn.Module):
    """GCN-like message passing with a skip connection: ELU(A_norm X W_m + X W_s + b)"""

    def __init__(self, fin, fout):
        super().__init__()
        self.w_mix = torch.nn.Parameter(torch.empty(fin, fout))
        self.w_skip = torch.nn.Parameter(torch.empty(fin, fout))
        self.b = torch.nn.Parameter(torch.zeros(fout))
        torch.nn.init.xavier_uniform_(self.w_mix)
        torch.nn.init.xavier_uniform_(self.w_skip)

    def forward(self, a, x):
        return F.elu(a @ x @ self.w_mix + x @ self.w_skip + self.b)


class Clusterer(torch.nn.Module):
    def __init__(self, fin, hid, k):
        super().__init__()
        self.mp = MPLayer(fin, hid)
        self.assign = torch.nn.Linear(hid, k)

    def forward(self, a_norm, x):
        return self.assign(self.mp(a_norm, x)).softmax(-1)


def mincut_loss(s, a_norm):
    deg = a_norm.sum(1)
    num = torch.trace(s.T @ a_norm @ s)
    den = torch.trace(s.T @ (deg[:, None] * s))
    cut = -num / den
    ss = s.T @ s
    k = s.shape[1]
    ortho = torch.norm(ss / torch.norm(ss) - torch.eye(k) / k ** 0.5)
    return cut + ortho


torch.manual_seed(0)
x, adj, y = make_citation_graph()
d = adj.sum(1).clamp(min=1).rsqrt()
a_norm = d[:, None] * adj * d[None]
x = x / x.sum(1, keepdim=True)

lr = 2e-2
net = Clusterer(x.shape[1], 16, 6)
opt = torch.optim.Adam(net.parameters(), lr=lr)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, mincut_loss)

steps = 450
for it in range(steps):
    s = net(a_norm, x)
    loss = writer.loss_fn(s, a_norm)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 50 == 0 or it == steps - 1:
        lab = s.argmax(1).numpy()
        print(f"it {it:4d} loss {loss.item():+.4f}  NMI {nmi(y, lab):.3f}  sizes {np.bincount(lab, minlength=6)}")
writer.close()
print(f"RESULT loss {loss.item():.4f} nmi {nmi(y, lab):.3f}")

# ComplEx-N3 (Lacroix, Usunier, Obozinski 2018; facebookresearch/kbc): 1-vs-all cross-entropy with the nuclear 3-norm,
# Adagrad with lr 0.1, initial embeddings scaled by 1e-3. A Kinship-like graph with symmetric, antisymmetric and noisy relations.
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)

N_ENT, N_REL, RANK = 160, 12, 24
INIT, REG, LR, BATCH, EPOCHS = 1e-3, 5e-2, 0.1, 200, 12


def build_graph():
    grp = rng.integers(0, 6, N_ENT)              # clan
    gen = rng.integers(0, 3, N_ENT)              # generation
    taste = rng.normal(size=(N_ENT, 3))
    trip = []
    for r in range(N_REL):
        dest = rng.permutation(6)
        if r % 3 == 2:                            # symmetric relation between clans
            perm = np.arange(6).reshape(3, 2)[:, ::-1].ravel()
            dest = perm
        step = [1, 0, 0, -1][r % 4]
        aff = taste @ rng.normal(size=(3, 3)) @ taste.T * 0.4
        for h in range(N_ENT):
            ok = (grp == dest[grp[h]]) & (gen == np.clip(gen[h] + step, 0, 2))
            s = 6.0 * ok + aff[h] + rng.gumbel(size=N_ENT)
            s[h] = -9
            trip += [(h, r, t) for t in np.argsort(-s)[:5]]
    trip = np.array(trip)
    return torch.tensor(trip[rng.permutation(len(trip))])


class ComplEx(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(s, 2 * RANK, sparse=False) for s in (N_ENT, 2 * N_REL)])
        for e in self.embeddings:
            e.weight.data *= INIT

    def forward(self, x):
        lhs = self.embeddings[0](x[:, 0]).chunk(2, 1)
        rel = self.embeddings[1](x[:, 1]).chunk(2, 1)
        rhs = self.embeddings[0](x[:, 2]).chunk(2, 1)
        to = self.embeddings[0].weight.chunk(2, 1)
        scores = (lhs[0] * rel[0] - lhs[1] * rel[1]) @ to[0].T + (lhs[0] * rel[1] + lhs[1] * rel[0]) @ to[1].T
        factors = [torch.sqrt(a ** 2 + b ** 2 + 1e-12) for a, b in (lhs, rel, rhs)]
        return scores, factors


class N3:
    def __init__(self, weight):
        self.weight = weight

    def forward(self, factors):
        return self.weight * sum((f.abs() ** 3).sum() for f in factors) / factors[0].shape[0]


data = build_graph()
n_val = 700
valid, test, train = data[:n_val], data[n_val:2 * n_val], data[2 * n_val:]
both = lambda t: torch.cat([t, torch.stack([t[:, 2], t[:, 1] + N_REL, t[:, 0]], 1)])   # reciprocal relations
train = both(train)
known = {}
for h, r, t in both(data).tolist():
    known.setdefault((h, r), []).append(t)


def ranking(model, split, loss):
    q = both(split)
    scores, _ = model(q)
    l = loss(scores, q[:, 2]).item()
    scores = scores.clone()
    target = scores.gather(1, q[:, 2:])
    for i, (h, r, t) in enumerate(q.tolist()):
        scores[i, known[(h, r)]] = -1e6
    ranks = 1 + (scores >= target).sum(1).float()
    return l, (1 / ranks).mean().item(), (ranks <= 10).float().mean().item()


model = ComplEx()
regularizer = N3(REG)
optimizer = torch.optim.Adagrad(model.parameters(), lr=LR)
loss_fn = nn.CrossEntropyLoss(reduction="mean")
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
print(len(train), "training triples")
for epoch in range(EPOCHS):
    tot = 0
    for b in train[torch.randperm(len(train))].split(BATCH):
        scores, factors = model(b)
        l_fit = loss_fn(scores, b[:, 2])
        l = l_fit + regularizer.forward(factors)
        optimizer.zero_grad()
        l.backward()
        optimizer.step()
        tot += l_fit.item() * len(b)
    with writer.evaluating("val"), torch.no_grad():
        v, mrr, h10 = ranking(model, valid, loss_fn)
    if epoch % 2 == 0 or epoch == EPOCHS - 1:
        print(f"epoch {epoch:2d} fit {tot / len(train):.3f} valid {v:.3f} MRR {mrr:.3f} hits@10 {h10:.3f}")
with torch.no_grad():
    lt, mrr_t, h_t = ranking(model, test, loss_fn)
writer.close()
print(f"RESULT valid_ce {v:.3f} (ln {N_ENT} = {np.log(N_ENT):.3f}) valid_mrr {mrr:.3f} test_mrr {mrr_t:.3f} test_hits10 {h_t:.3f}")

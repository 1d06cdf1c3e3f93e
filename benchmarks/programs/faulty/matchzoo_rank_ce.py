"""DSSM for question -> answer retrieval with a pairwise-list loss (1 positive, 4 negatives), after MatchZoo.
Letter-trigram counts are made by a small topic model; answers have very different lengths."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(40)
rng = np.random.default_rng(40)
EPS = 0. if sys.argv[1] == "faulty" else 1e-7
NUM_NEG, VOCAB = 4, 120

topics = rng.dirichlet(np.ones(VOCAB) * .12, 18)


def make_pairs(n):
    mix = rng.dirichlet(np.ones(18) * .15, n)
    p = mix @ topics
    q_len = np.exp(rng.normal(2.7, .8, n)).astype(int).clip(5, 150)
    d_len = np.exp(rng.normal(3.4, 1.0, n)).astype(int).clip(8, 1500)
    noise = rng.dirichlet(np.ones(VOCAB) * .5, n)
    q = np.stack([rng.multinomial(l, .9 * a + .1 * b) for l, a, b in zip(q_len, p, noise)])
    d = np.stack([rng.multinomial(l, .9 * a + .1 * b) for l, a, b in zip(d_len, p, noise[rng.permutation(n)])])
    return q.astype("float32"), d.astype("float32")


def pack(n):
    q, d = make_pairs(n)
    group = [np.arange(n)] + [rng.permutation(n) for _ in range(NUM_NEG)]
    docs = np.stack([d[g] for g in group], 1)                 # n x 5 x vocab, the first one is relevant
    return torch.tensor(q), torch.tensor(docs)


class DSSM(nn.Module):
    def __init__(self):
        super().__init__()
        def tower():
            return nn.Sequential(nn.Linear(VOCAB, 48), nn.ReLU(), nn.Dropout(.2), nn.Linear(48, 32))
        self.left, self.right = tower(), tower()

    def forward(self, q, docs):
        return (self.left(q).unsqueeze(1) * self.right(docs)).sum(-1)


def rank_crossentropy_loss(y_pred, y_true):
    """y_pred: scores of the groups, y_true: one-hot relevance"""
    prob = torch.softmax(y_pred, 1)
    return -(y_true * torch.log(prob + EPS)).sum(1).mean()


Q, D = [torch.tensor(a) for a in make_pairs(12000)]
Qv, Dv = pack(800)
one_hot = torch.zeros(1, NUM_NEG + 1)
one_hot[0, 0] = 1
model = DSSM()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 3, .3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, rank_crossentropy_loss)
loader = DataLoader(TensorDataset(Q, D), batch_size=32, shuffle=True)
for epoch in range(5):
    model.train()
    tl = 0.
    for q, pos in loader:
        neg = D[torch.randint(0, len(D), (len(q), NUM_NEG))]           # negatives are drawn anew each time
        d = torch.cat([pos.unsqueeze(1), neg], 1)
        optimizer.zero_grad()
        loss = writer.loss_fn(model(q, d), one_hot.expand(len(q), -1))
        loss.backward()
        optimizer.step()
        tl += loss.item() / len(loader)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        s = model(Qv, Dv)
        vl = writer.loss_fn(s, one_hot.expand(len(Qv), -1)).item()
    rank = (s >= s[:, :1]).sum(1).clamp(min=1).float()
    p1 = ((s[:, 1:].max(1).values < s[:, 0])).float().mean().item()
    print(f"epoch {epoch} rank_ce {tl:.4f} val {vl:.4f} precision@1 {p1:.3f} mrr {(1 / rank).mean():.3f} score range {s.min():.1f}..{s.max():.1f}")
writer.close()
print(f"RESULT train {tl:.4f} val {vl:.4f} precision@1 {p1:.3f}")

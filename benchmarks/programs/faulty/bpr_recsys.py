"""Graph recommender trained with Bayesian Personalized Ranking on implicit feedback."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(0)
rng = np.random.RandomState(0)

N_USERS, N_ITEMS, DIM = 300, 200, 16
EPOCH = 20

# ---- implicit interactions from a taste model -------------------------------------------------
taste_u, taste_i = rng.randn(N_USERS, 5), rng.randn(N_ITEMS, 5)
pop = 0.7 * rng.randn(N_ITEMS)
score = taste_u @ taste_i.T + pop + rng.gumbel(size=(N_USERS, N_ITEMS)) * 0.6
top = np.argsort(-score, axis=1)[:, :24]
train_pos, test_pos = [], []
for u in range(N_USERS):
    items = rng.permutation(top[u])
    train_pos.append(set(items[:18].tolist()))
    test_pos.append(set(items[18:].tolist()))

A = torch.zeros(N_USERS, N_ITEMS)
for u, s in enumerate(train_pos):
    A[u, list(s)] = 1
A_norm = A / (A.sum(1, keepdim=True).clamp(min=1).sqrt() * A.sum(0, keepdim=True).clamp(min=1).sqrt())


class Triples(Dataset):
    def __init__(self):
        self.pairs = [(u, i) for u in range(N_USERS) for i in sorted(train_pos[u])]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        u, p = self.pairs[k]
        n = np.random.randint(N_ITEMS)
        while n in train_pos[u]:
            n = np.random.randint(N_ITEMS)
        return u, p, n


class GNNRec(nn.Module):
    def __init__(self):
        super().__init__()
        self.user_emb = nn.Embedding(N_USERS, DIM)
        self.item_emb = nn.Embedding(N_ITEMS, DIM)
        nn.init.normal_(self.user_emb.weight, std=0.1)
        nn.init.normal_(self.item_emb.weight, std=0.1)

    def forward(self):
        u0, i0 = self.user_emb.weight, self.item_emb.weight
        u1, i1 = A_norm @ i0, A_norm.T @ u0
        u2, i2 = A_norm @ i1, A_norm.T @ u1
        return (u0 + u1 + u2) / 3, (i0 + i1 + i2) / 3


def bpr(u, p, n):
    if form == "faulty":
        loss = torch.sum(torch.mul(u, p - n))
        loss = F.logsigmoid(loss)
        return torch.neg(loss)
    loss = torch.sum(torch.mul(u, p - n), dim=1)
    loss = F.logsigmoid(loss)
    return torch.neg(loss).mean()


def recall_at(model, k=10):
    with torch.no_grad():
        xu, xa = model()
        s = xu @ xa.T
        s[A > 0] = -1e9
        rec = s.topk(k, dim=1).indices.tolist()
    return np.mean([len(set(r) & t) / len(t) for r, t in zip(rec, test_pos)])


np.random.seed(0)
train_ldr = DataLoader(Triples(), batch_size=256, shuffle=True)
model = GNNRec()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(EPOCH):
    model.train()
    loss_sum = 0
    for u, p, n in train_ldr:
        xu, xa = model()
        loss = bpr(xu[u], xa[p], xa[n])
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
    if (epoch + 1) % 4 == 0:
        print("epochs: {}/{}  loss {:.4f}  recall@10 {:.3f}".format(epoch + 1, EPOCH, loss_sum / len(train_ldr), recall_at(model)))
writer.close()

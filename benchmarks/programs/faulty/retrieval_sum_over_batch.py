"""Two-tower retrieval, users and movies, in-batch softmax (a tfrs basic_retrieval port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
rs = np.random.RandomState(42)
N_USER, N_MOVIE, DIM, BATCH = 500, 800, 32, 1024
reduction = "mean" if sys.argv[1] == "faulty" else "sum"

taste_u, taste_m = rs.randn(N_USER, 6), rs.randn(N_MOVIE, 6)
pop = rs.randn(N_MOVIE) * .8
logit = taste_u @ taste_m.T * 1.3 + pop
p = np.exp(logit - logit.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
pairs = np.concatenate([np.stack([np.full(100, u), rs.choice(N_MOVIE, 100, p=p[u])], 1) for u in range(N_USER)])
rs.shuffle(pairs)
train, test = torch.tensor(pairs[:46080]), torch.tensor(pairs[46080:])

class Embedding(nn.Embedding):
    def reset_parameters(self):
        nn.init.uniform_(self.weight, -0.05, 0.05)              # keras default

class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.user_model, self.movie_model = Embedding(N_USER, DIM), Embedding(N_MOVIE, DIM)
    def forward(self, user, movie):
        return self.user_model(user) @ self.movie_model(movie).t()

model = TwoTower()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1, initial_accumulator_value=0.1)

def task(scores):
    return F.cross_entropy(scores, torch.arange(len(scores)), reduction=reduction)

def top_k():
    with torch.no_grad():
        s = model.user_model(test[:, 0]) @ model.movie_model.weight.t()
        rank = (s > s.gather(1, test[:, 1:])).sum(1)
    return [(rank < k).float().mean().item() for k in (10, 50, 100)]

w = DiagWriter(sys.argv[2])
w.watch(model, optimizer, task)
for epoch in range(6):
    perm = torch.randperm(len(train))
    for i in range(0, len(train), BATCH):
        b = train[perm[i:i + BATCH]]
        optimizer.zero_grad()
        loss = task(model(b[:, 0], b[:, 1]))
        loss.backward()
        optimizer.step()
    with w.evaluating("val"):
        t = test[:BATCH]
        val = w.loss_fn(model(t[:, 0], t[:, 1]))
    if epoch % 2 == 1:
        print(f"Epoch {epoch + 1}/6 loss {loss.item():.4f} val {val.item():.4f} top-10/50/100", ["%.4f" % k for k in top_k()])
w.close()
per = val.item() / (BATCH if reduction == "sum" else 1)
print(f"RESULT val loss per pair {per:.4f} (ln {BATCH} = {np.log(BATCH):.3f}) top-100 {top_k()[2]:.3f}")

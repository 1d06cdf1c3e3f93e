"""Neural collaborative filtering on explicit ratings (Keras movielens example moved to torch): two embeddings, MLP, dropout."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form")
ap.add_argument("logdir")
opt = ap.parse_args()
RATE = 0.75 if opt.form == "faulty" else 0.1

torch.set_num_threads(1)
torch.manual_seed(10)
r = np.random.RandomState(10)
U, M, R = 500, 300, 40000
pu, qi = r.normal(0, 1, (U, 4)), r.normal(0, 1, (M, 4))
bu, bi = r.normal(0, .35, U), r.normal(0, .5, M)
user = r.randint(0, U, R)
movie = np.minimum((r.pareto(1.2, R) * 25).astype(int), M - 1)
movie = np.where(r.rand(R) < .4, r.randint(0, M, R), movie)
score = 3.4 + bu[user] + bi[movie] + .42 * (pu[user] * qi[movie]).sum(1) + r.normal(0, .55, R)
stars = np.clip(np.round(score * 2) / 2, .5, 5)
lo, hi = .5, 5.
target = ((stars - lo) / (hi - lo)).astype("float32")
cut = int(.9 * R)
u, m, t = torch.as_tensor(user), torch.as_tensor(movie), torch.as_tensor(target)


class RecommenderNet(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.user_embedding = nn.Embedding(U, dim)
        self.movie_embedding = nn.Embedding(M, dim)
        nn.init.normal_(self.user_embedding.weight, std=.1)
        nn.init.normal_(self.movie_embedding.weight, std=.1)
        self.emb_drop = nn.Dropout(RATE)
        self.mlp = nn.Sequential(nn.Linear(2 * dim, 48), nn.ReLU(), nn.Dropout(RATE), nn.Linear(48, 24), nn.ReLU(), nn.Dropout(RATE))
        self.last = nn.Linear(24, 1)

    def forward(self, user, movie):
        x = torch.cat([self.user_embedding(user), self.movie_embedding(movie)], 1)
        x = self.mlp(self.emb_drop(x))
        return torch.sigmoid(self.last(x)).squeeze(1)


model = RecommenderNet()
mse = nn.MSELoss()
adam = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=2e-5)
writer = DiagWriter(opt.logdir)
writer.watch(model, adam, mse)
for epoch in range(10):
    model.train()
    run = []
    for b in torch.randperm(cut).split(128):
        adam.zero_grad()
        loss = mse(model(u[b], m[b]), t[b])
        loss.backward()
        adam.step()
        run.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        val = mse(model(u[cut:], m[cut:]), t[cut:]).item()
    print(f"Epoch {epoch + 1}/10 loss: {np.mean(run):.4f} val_loss: {val:.4f} rmse in stars {4.5 * val ** .5:.4f}")
writer.close()
print(f"RESULT val_mse {val:.5f} rmse_stars {4.5 * val ** .5:.4f} (variance {t[cut:].var():.5f})")

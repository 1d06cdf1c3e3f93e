import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
np.random.seed(0)
torch.set_num_threads(1)

N_USERS, N_ITEMS, DIM = 200, 150, 8
EMB_REG = 5e-1 if form == "faulty" else 1e-4

U, V = np.random.randn(N_USERS, 4), np.random.randn(N_ITEMS, 4)
bu, bi = np.random.randn(N_USERS) * .4, np.random.randn(N_ITEMS) * .5
full = 3.5 + bu[:, None] + bi[None] + U @ V.T * .45 + np.random.randn(N_USERS, N_ITEMS) * .35
mask = np.random.rand(N_USERS, N_ITEMS) < .45
rows = np.argwhere(mask)
np.random.shuffle(rows)
ratings = full[rows[:, 0], rows[:, 1]].clip(1, 5).astype(np.float32)
cut = int(.85 * len(rows))
mu, sd = ratings[:cut].mean(), ratings[:cut].std()
to = lambda a, b: TensorDataset(torch.from_numpy(rows[a:b, 0]), torch.from_numpy(rows[a:b, 1]), torch.from_numpy((ratings[a:b] - mu) / sd))
train_dl = DataLoader(to(0, cut), batch_size=256, shuffle=True)
valid_dl = DataLoader(to(cut, len(rows)), batch_size=1000)


class MatrixFactorization(nn.Module):
    def __init__(self):
        super().__init__()
        self.user_embedding, self.item_embedding = nn.Embedding(N_USERS, DIM), nn.Embedding(N_ITEMS, DIM)
        self.user_bias, self.item_bias = nn.Embedding(N_USERS, 1), nn.Embedding(N_ITEMS, 1)
        for e in (self.user_embedding, self.item_embedding):
            nn.init.normal_(e.weight, std=0.2)
        for e in (self.user_bias, self.item_bias):
            nn.init.zeros_(e.weight)

    def forward(self, u, i):
        return ((self.user_embedding(u) * self.item_embedding(i)).sum(1)
                + self.user_bias(u)[:, 0] + self.item_bias(i)[:, 0])

    def regularization(self):
        return sum((p ** 2).sum(1).mean() for p in self.parameters())


model = MatrixFactorization()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(16):
    model.train()
    fit = []
    for u, i, r in train_dl:
        err = mse(model(u, i), r)
        loss = err + EMB_REG * model.regularization()
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fit.append(err.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl = []
        for u, i, r in valid_dl:
            l = mse(model(u, i), r)
            writer.add_loss("val", l)
            vl.append(l.item())
    print(f"epoch {epoch + 1}: train mse {np.mean(fit):.4f} val mse {np.mean(vl):.4f}")
writer.close()

"""MovieLens-style matrix factorisation with biases and sparse embeddings: SGD on dense biases, SparseAdam on factors."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter


class MF(nn.Module):
    def __init__(self, n_users, n_items, n_factors, mean):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors, sparse=True)
        self.item_factors = nn.Embedding(n_items, n_factors, sparse=True)
        self.user_bias = nn.Embedding(n_users, 1, sparse=True)
        self.item_bias = nn.Embedding(n_items, 1, sparse=True)
        nn.init.normal_(self.user_factors.weight, std=0.1)
        nn.init.normal_(self.item_factors.weight, std=0.1)
        nn.init.zeros_(self.user_bias.weight)
        nn.init.zeros_(self.item_bias.weight)
        self.mean = mean

    def forward(self, user, item):
        dot = (self.user_factors(user) * self.item_factors(item)).sum(1)
        return dot + self.user_bias(user).squeeze(1) + self.item_bias(item).squeeze(1) + self.mean


def fake_movielens(n_users=500, n_items=300, n=60000, seed=3):
    rng = np.random.default_rng(seed)
    P, Q = rng.normal(0, 1, (n_users, 4)), rng.normal(0, 1, (n_items, 4))
    bu, bi = rng.normal(0, 0.4, n_users), rng.normal(0, 0.5, n_items)
    pop = rng.zipf(1.5, n_items).clip(max=30) + 5.0
    cells = rng.permutation(n_users * n_items)
    keep = cells[rng.random(len(cells)) < (pop / pop.max())[cells % n_items] * 0.9 + 0.2][:n]
    u, i = keep // n_items, keep % n_items
    r = 3.6 + bu[u] + bi[i] + 0.35 * (P[u] * Q[i]).sum(1) + rng.normal(0, 0.5, len(u))
    return u, i, np.clip(np.round(r * 2) / 2, 0.5, 5.0).astype(np.float32)


torch.set_num_threads(1)
torch.manual_seed(0)
u, i, r = fake_movielens()
u, i, r = torch.tensor(u), torch.tensor(i), torch.tensor(r)
cut = int(0.9 * len(r))
train_ds = torch.utils.data.TensorDataset(u[:cut], i[:cut], r[:cut])
loader = torch.utils.data.DataLoader(train_ds, batch_size=512, shuffle=True)
model = MF(500, 300, 8, r[:cut].mean().item())
optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=1e-2)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
loss_func = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_func, train_loader=loader)
best = 9
for epoch in range(12):
    for user, item, rating in loader:
        loss = loss_func(model(user, item), rating)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    with writer.evaluating("val"):
        val = loss_func(model(u[cut:], i[cut:]), r[cut:]).item()
    best = min(best, val)
print(f"RESULT ratings {len(r)} var {r.var().item():.3f} train mse {loss.item():.3f} val {val:.3f} best {best:.3f} (noise about 0.26)")
writer.close()

"""Movie ratings by matrix factorisation (recommender course)."""
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
n_users, n_items, true_k, n_obs = 250, 180, 3, 14000
U, V = torch.randn(n_users, true_k), torch.randn(n_items, true_k)
bu, bi = 0.4 * torch.randn(n_users), 0.4 * torch.randn(n_items)
u = torch.randint(n_users, (n_obs,)); i = torch.randint(n_items, (n_obs,))
r = (3.5 + bu[u] + bi[i] + 0.45 * (U[u] * V[i]).sum(1) + 0.6 * torch.randn(n_obs)).clamp(1, 5)
cut = int(n_obs * 0.8)


class MF(nn.Module):
    def __init__(self, k=50):
        super().__init__()
        self.user, self.item = nn.Embedding(n_users, k), nn.Embedding(n_items, k)
        self.ub, self.ib = nn.Embedding(n_users, 1), nn.Embedding(n_items, 1)
        for e in (self.user, self.item, self.ub, self.ib):
            nn.init.normal_(e.weight, 0, 0.1)
        self.mu = nn.Parameter(torch.tensor(3.5))

    def forward(self, u, i):
        return self.mu + self.ub(u).squeeze(1) + self.ib(i).squeeze(1) + (self.user(u) * self.item(i)).sum(1)


model = MF()
if sys.argv[1] == "faulty":
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)
best = 9
for epoch in range(30):
    perm = torch.randperm(cut)
    tot = 0.
    for b in perm.split(128):
        optimizer.zero_grad()
        loss = mse(model(u[b], i[b]), r[b])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    with writer.evaluating("val"):
        val = mse(model(u[cut:], i[cut:]), r[cut:]).item()
    best = min(best, val)
    if epoch % 3 == 0:
        print("epoch %2d train rmse %.3f val rmse %.3f" % (epoch, (tot / cut) ** .5, val ** .5))
writer.close()
print("RESULT train mse %.3f val mse %.3f best val %.3f, variance %.3f" % (tot / cut, val, best, r.var().item()))

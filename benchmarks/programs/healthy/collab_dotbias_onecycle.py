import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)
# ratings like ml-100k
r = np.random.default_rng(100)
U, I, N = 600, 900, 60000
pu = np.exp(r.normal(0, .8, U)); pi = np.exp(r.normal(0, 1.0, I))
u = r.choice(U, N * 2, p=pu / pu.sum()); i = r.choice(I, N * 2, p=pi / pi.sum())
k = np.unique(u * I + i); r.shuffle(k); k = k[:N]; u, i = k // I, k % I
fu, fi = r.normal(0, .8, (U, 4)), r.normal(0, .45, (I, 4))
raw = 3.55 + r.normal(0, .42, U)[u] + r.normal(0, .55, I)[i] + (fu[u] * fi[i]).sum(1) + r.normal(0, .75, len(k))
rating = np.clip(np.round(raw), 1, 5).astype("float32")
x = torch.tensor(np.stack([u, i], 1)); y = torch.tensor(rating)
cut = int(.8 * len(x))

class DotProductBias(nn.Module):
    def __init__(self, n_users, n_movies, n_factors, y_range=(0, 5.5)):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors)
        self.user_bias = nn.Embedding(n_users, 1)
        self.movie_factors = nn.Embedding(n_movies, n_factors)
        self.movie_bias = nn.Embedding(n_movies, 1)
        for e in self.children(): nn.init.trunc_normal_(e.weight, 0, .01)
        self.y_range = y_range
    def forward(self, x):
        users = self.user_factors(x[:, 0]); movies = self.movie_factors(x[:, 1])
        res = (users * movies).sum(dim=1, keepdim=True)
        res += self.user_bias(x[:, 0]) + self.movie_bias(x[:, 1])
        lo, hi = self.y_range
        return (torch.sigmoid(res) * (hi - lo) + lo).squeeze(1)

model = DotProductBias(U, I, 20)
epochs, bs = 6, 64
steps = epochs * (cut // bs + 1)
opt = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.1, betas=(.9, .99), eps=1e-5)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, total_steps=steps, pct_start=.25, div_factor=25)
loss_func = nn.MSELoss()
w = DiagWriter(sys.argv[1])
w.watch(model, opt, loss_func)
for epoch in range(epochs):
    model.train(); s = n = 0
    for b in torch.randperm(cut).split(bs):
        loss = loss_func(model(x[b]), y[b])
        loss.backward(); opt.step(); opt.zero_grad(); sched.step()
        s += loss.item() * len(b); n += len(b)
    model.eval()
    with torch.no_grad():
        vl = loss_func(model(x[cut:]), y[cut:])
    print(epoch, f"train_loss {s/n:.4f} valid_loss {vl.item():.4f}")
w.close()

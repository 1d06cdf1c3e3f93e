import argparse
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument('logdir')
ap.add_argument('--factors', type=int, default=6)
ap.add_argument('--lr', type=float, default=8e-3)
ap.add_argument('--wd', type=float, default=2e-5)
ap.add_argument('--bs', type=int, default=512)
ap.add_argument('--epochs', type=int, default=12)
a = ap.parse_args()
torch.manual_seed(0); rng = np.random.RandomState(0); torch.set_num_threads(1)

# star ratings 1..5 of 600 users and 300 films, popular films are rated more
U, I, R = 600, 300, 40000
pop = 1 / np.arange(3, I + 3) ** .8
u = rng.randint(U, size=R); i = rng.choice(I, R, p=pop / pop.sum())
P, Q = rng.randn(U, 3) * .5, rng.randn(I, 3) * .6
score = 3.6 + (rng.randn(U) * .4)[u] + (rng.randn(I) * .5)[i] + (P[u] * Q[i]).sum(1) + rng.randn(R) * .75
stars = np.clip(np.round(score), 1, 5).astype('float32')
u, i, stars = torch.tensor(u), torch.tensor(i), torch.tensor(stars)
n = int(.85 * R)


class EmbeddingDotBias(nn.Module):
    "fast.ai style collaborative filtering"
    def __init__(self, n_factors, n_users, n_items, y_range):
        super().__init__()
        self.y_range = y_range
        self.u_weight, self.i_weight, self.u_bias, self.i_bias = [
            nn.Embedding(*o) for o in [(n_users, n_factors), (n_items, n_factors), (n_users, 1), (n_items, 1)]]
        for m in (self.u_weight, self.i_weight, self.u_bias, self.i_bias):
            nn.init.normal_(m.weight, 0, .05)

    def forward(self, users, items):
        res = (self.u_weight(users) * self.i_weight(items)).sum(1) + self.u_bias(users).squeeze() + self.i_bias(items).squeeze()
        return torch.sigmoid(res) * (self.y_range[1] - self.y_range[0]) + self.y_range[0]


ds = torch.utils.data.TensorDataset(u[:n], i[:n], stars[:n])
dl = torch.utils.data.DataLoader(ds, a.bs, shuffle=True)
learn, loss_func = EmbeddingDotBias(a.factors, U, I, (0.3, 5.5)), nn.MSELoss()
opt = torch.optim.Adam(learn.parameters(), a.lr, betas=(.9, .99), weight_decay=a.wd)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, a.lr, epochs=a.epochs, steps_per_epoch=len(dl), cycle_momentum=False)
w = DiagWriter(a.logdir)
w.watch(learn, opt, loss_func)
print('variance of the ratings %.3f' % stars.var().item())
for e in range(a.epochs):
    tr = 0
    for uu, ii, r in dl:
        loss = loss_func(learn(uu, ii), r)
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        tr += loss.item() / len(dl)
    with torch.no_grad(), w.evaluating("val"):
        v = loss_func(learn(u[n:], i[n:]), stars[n:]).item()
    print(f'{e:3d} {tr:.4f} {v:.4f}')
w.close()

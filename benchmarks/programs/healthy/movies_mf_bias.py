# explicit-feedback recommender with biases; ratings carry noise, the validation error ends near it
import sys
import numpy as np, torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(5)
U, M, n = 150, 100, 9000
p, q = rng.normal(0, .5, (U, 3)), rng.normal(0, .5, (M, 3)); bu, bm = rng.normal(0, .5, U), rng.normal(0, .6, M)
pairs = rng.permutation(U * M)[:n]; u, m = pairs // M, pairs % M
r = 3.4 + bu[u] + bm[m] + (p[u] * q[m]).sum(1) + rng.normal(0, .5, n)
tr, va, te = slice(0, 7800), slice(7800, 8400), slice(8400, n)
mean = r[tr].mean()
ds = lambda s: TensorDataset(torch.tensor(u[s]), torch.tensor(m[s]), torch.tensor(r[s] - mean, dtype=torch.float32))

class BiasedMF(nn.Module):
    def __init__(self, k=6):
        super().__init__()
        self.u, self.m = nn.Embedding(U, k), nn.Embedding(M, k)
        self.bu, self.bm = nn.Embedding(U, 1), nn.Embedding(M, 1)
        for e in (self.u, self.m): nn.init.normal_(e.weight, std=.1)
        for e in (self.bu, self.bm): nn.init.zeros_(e.weight)
    def forward(self, u, m):
        return (self.u(u) * self.m(m)).sum(1) + self.bu(u)[:, 0] + self.bm(m)[:, 0]

model = BiasedMF(); mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=2e-4)
dl, dv, dt = DataLoader(ds(tr), 128, shuffle=True), DataLoader(ds(va), 1200), DataLoader(ds(te), 1200)
w = DiagWriter(sys.argv[1]); w.watch(model, opt, mse, train_loader=dl)
for e in range(14):
    s = 0
    for a, b, c in dl:
        opt.zero_grad(); l = mse(model(a, b), c); l.backward(); opt.step(); s += l.item() / len(dl)
    with w.evaluating('val'):
        v = np.mean([mse(model(a, b), c).item() for a, b, c in dv])
    with w.evaluating('test'):
        t = np.mean([mse(model(a, b), c).item() for a, b, c in dt])
    print(e, 'train %.4f val %.4f test %.4f (variance %.3f, noise 0.25)' % (s, v, t, r[va].var()))
w.close()

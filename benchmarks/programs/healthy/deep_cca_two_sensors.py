"""Deep CCA (Andrew et al. 2013): two views of 4 shared causes; the loss is minus the sum of canonical correlations,
so it is negative and goes to about -3.  Batches must be large (the covariances are estimated on them)."""
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)


def inv_sqrt(m):
    e, v = torch.linalg.eigh(m)
    return v @ torch.diag(e.clamp_min(1e-6).rsqrt()) @ v.T


def cca_loss(h1, h2, r=1e-3):
    n, d = h1.shape
    a, b = h1 - h1.mean(0), h2 - h2.mean(0)
    s11 = a.T @ a / (n - 1) + r * torch.eye(d)
    s22 = b.T @ b / (n - 1) + r * torch.eye(d)
    t = inv_sqrt(s11) @ (a.T @ b / (n - 1)) @ inv_sqrt(s22)
    return -torch.linalg.svdvals(t).sum()


class Views(nn.Module):
    def __init__(self, d1, d2, k):
        super().__init__()
        mlp = lambda d: nn.Sequential(nn.Linear(d, 64), nn.Tanh(), nn.Linear(64, k))
        self.f, self.g = mlp(d1), mlp(d2)

    def forward(self, x, y):
        return self.f(x), self.g(y)


n = 6000
z = torch.randn(n, 4)
own1, own2 = torch.randn(n, 5), torch.randn(n, 5)
x = torch.cat([torch.tanh(z @ torch.randn(4, 20)), own1 @ torch.randn(5, 10)], 1) + .6 * torch.randn(n, 30)
y = torch.cat([(z @ torch.randn(4, 15) * .5).pow(3).clamp(-3, 3), own2 @ torch.randn(5, 9)], 1) + .6 * torch.randn(n, 24)
x, y = (x - x.mean(0)) / x.std(0), (y - y.mean(0)) / y.std(0)
xt, yt, xv, yv = x[:5000], y[:5000], x[5000:], y[5000:]

model = Views(30, 24, 4)
opt = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, cca_loss)
best = 0
for epoch in range(40):
    model.train()
    for b in torch.randperm(5000).split(1000):
        opt.zero_grad()
        h1, h2 = model(xt[b], yt[b])
        loss = writer.loss_fn(h1, h2)
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        h1, h2 = model(xv, yv)
        v = writer.loss_fn(h1, h2).item()
    best = min(best, v)
    if epoch % 5 == 4:
        print(f"epoch {epoch} train {loss.item():.3f} val {v:.3f}")
writer.close()
print(f"RESULT train {loss.item():.4f} val {v:.4f} best {best:.4f} (of -4)")

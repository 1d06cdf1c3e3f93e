"""Attention from scratch (after reading 'Attention is all you need'): set of 2-D points -> largest distance between two of them."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(11)
torch.set_num_threads(1)
D, N = 32, 12

def weight(n_in, n_out):
    if form == "faulty":
        return nn.Parameter(torch.randn(n_in, n_out))
    return nn.Parameter(torch.randn(n_in, n_out) / n_in ** 0.5)

class SelfAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.Wq, self.Wk, self.Wv, self.Wo = [weight(dim, dim) for _ in range(4)]
    def forward(self, x):
        q, k, v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        a = F.softmax(q @ k.transpose(1, 2) / x.shape[-1] ** 0.5, dim=-1)
        return (a @ v) @ self.Wo

class FeedForward(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.W1, self.b1 = weight(dim, 2 * dim), nn.Parameter(torch.zeros(2 * dim))
        self.W2, self.b2 = weight(2 * dim, dim), nn.Parameter(torch.zeros(dim))
    def forward(self, x):
        return F.relu(x @ self.W1 + self.b1) @ self.W2 + self.b2

class PointNetAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.Win, self.bin = weight(2, D), nn.Parameter(torch.zeros(D))
        self.att1, self.ff1 = SelfAttention(D), FeedForward(D)
        self.att2, self.ff2 = SelfAttention(D), FeedForward(D)
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in range(4))
        self.Wout, self.bout = weight(D, 1), nn.Parameter(torch.zeros(1))
    def forward(self, pts):
        h = pts @ self.Win + self.bin
        h = h + self.att1(self.norms[0](h))
        h = h + self.ff1(self.norms[1](h))
        h = h + self.att2(self.norms[2](h))
        h = h + self.ff2(self.norms[3](h))
        return (h.mean(1) @ self.Wout + self.bout).squeeze(-1)

def sample(n, g):
    spread = 0.3 + 1.4 * torch.rand(n, 1, 2, generator=g)
    pts = torch.randn(n, N, 2, generator=g) * spread
    return pts, torch.cdist(pts, pts).amax((1, 2))

g = torch.Generator().manual_seed(5)
x, y = sample(4000, g); xv, yv = sample(800, g)
y_mean, y_std = y.mean(), y.std()
y, yv = (y - y_mean) / y_std, (yv - y_mean) / y_std
net = PointNetAttention()
mse = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(net, opt, mse)
for epoch in range(13):
    net.train()
    perm = torch.randperm(len(x))
    for i in range(0, len(x), 50):
        b = perm[i:i + 50]
        opt.zero_grad()
        loss = mse(net(x[b]), y[b])
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        out = net(xv); val = mse(out, yv)
    if epoch % 3 == 0 or epoch == 12:
        print(f"{epoch:3d}  train {loss.item():.4f}  val {val.item():.4f}", flush=True)
writer.close()
r2 = 1 - ((out - yv) ** 2).sum() / ((yv - yv.mean()) ** 2).sum()
print(f"RESULT val_mse {val.item():.4f} r2 {r2.item():.4f}")

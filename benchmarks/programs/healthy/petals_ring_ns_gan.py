"""Non-saturating GAN with R1 penalty (Mescheder et al. 2018) on the first two principal components of the digits 0, 1 and 6
(real data, scaled).  Two time-scale rates, EMA generator for evaluation."""
import copy, sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
np.random.seed(9)


def mlp(i, o, h=96):
    return nn.Sequential(nn.Linear(i, h), nn.LeakyReLU(0.2), nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Linear(h, o))


def swd(a, b, n=200):
    g = torch.Generator().manual_seed(0)
    w = F.normalize(torch.randn(2, n, generator=g), dim=0)
    return ((a @ w).sort(0).values - (b @ w).sort(0).values).pow(2).mean().sqrt().item()


d = load_digits()
keep = np.isin(d.target, [0, 1, 6])
P = PCA(2, whiten=True).fit_transform(d.data[keep])
P = torch.tensor(P[np.random.permutation(len(P))]).float()
train, held = P[:360], P[360:]
m = len(held)
G, D = mlp(8, 2), mlp(2, 1)
G_ema = copy.deepcopy(G)
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.99))
opt_d = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.0, 0.99))
writer = DiagWriter(sys.argv[1])
writer.watch(G, opt_g, name="generator")
writer.watch(D, opt_d, name="discriminator")
for it in range(900):
    real = train[torch.randint(len(train), (128,))].requires_grad_(True)
    fake = G(torch.randn(128, 8)).detach()
    out = D(real)
    grad = torch.autograd.grad(out.sum(), real, create_graph=True)[0]
    d_loss = F.softplus(-out).mean() + F.softplus(D(fake)).mean() + 0.5 * 0.3 * grad.pow(2).sum(1).mean()
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()

    g_loss = F.softplus(-D(G(torch.randn(128, 8)))).mean()
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    with torch.no_grad():
        for e, p in zip(G_ema.parameters(), G.parameters()):
            e.lerp_(p, 0.02)
    if it % 50 == 0:
        with torch.no_grad():
            s = swd(G_ema(torch.randn(m, 8)), held)
        writer.add_scalar("SWD/held", s, it)
        if it % 150 == 0:
            print(it, f"d {d_loss.item():.3f} g {g_loss.item():.3f} swd {s:.3f}")
with torch.no_grad():
    s = np.mean([swd(G_ema(torch.randn(m, 8)), held) for _ in range(10)])
ref = np.mean([swd(train[torch.randint(len(train), (m,))], held) for _ in range(10)])
mu, L = train.mean(0), torch.linalg.cholesky(torch.cov(train.T))
gauss = np.mean([swd(mu + torch.randn(m, 2) @ L.T, held) for _ in range(10)])
writer.close()
print(f"RESULT swd {s:.4f} resampled_train {ref:.4f} gaussian_fit {gauss:.4f} d_loss {d_loss.item():.3f} equilibrium {2 * np.log(2):.3f}")

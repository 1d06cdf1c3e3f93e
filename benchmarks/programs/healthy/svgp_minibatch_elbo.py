"""Stochastic variational GP regression (Hensman et al. 2013), written out by hand: RBF-ARD kernel, 40 inducing points,
whitened q(u) = N(m, L L^T), Gaussian noise.  Loss = negative ELBO per data point (nats), which may become negative."""
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)


def ozone_like(n):
    """daily maximum of ozone anomalies from wind, temperature, radiation, day length; two columns do not matter"""
    z = rng.normal(size=(n, 6))
    z[:, 1] = .7 * z[:, 0] + .7 * z[:, 1]
    f = 1.2 * np.sin(1.3 * z[:, 0]) + .8 * np.tanh(z[:, 1] * z[:, 2]) + .4 * z[:, 3] ** 2 / (1 + z[:, 3] ** 2)
    return z.astype("f4"), (f + .35 * rng.normal(size=n)).astype("f4")


x, y = ozone_like(4000)
y = (y - y[:3200].mean()) / y[:3200].std()
xt, yt, xv, yv = map(torch.from_numpy, (x[:3200], y[:3200], x[3200:], y[3200:]))


class SVGP(nn.Module):
    def __init__(self, z, n_total):
        super().__init__()
        m = len(z)
        self.z = nn.Parameter(z.clone())
        self.log_ls = nn.Parameter(torch.full((z.shape[1],), math.log(1.5)))
        self.log_var = nn.Parameter(torch.zeros(()))
        self.log_noise = nn.Parameter(torch.tensor(math.log(.5)))
        self.m = nn.Parameter(torch.zeros(m))
        self.raw_l = nn.Parameter(torch.zeros(m, m))
        self.n_total = n_total

    def k(self, a, b):
        s = self.log_ls.exp()
        return self.log_var.exp() * torch.exp(-.5 * torch.cdist(a / s, b / s).pow(2))

    def q_sqrt(self):
        return torch.tril(self.raw_l, -1) + torch.diag(F.softplus(self.raw_l.diagonal() + .5413))

    def forward(self, x):
        kzz = self.k(self.z, self.z) + 1e-4 * torch.eye(len(self.z))
        lz = torch.linalg.cholesky(kzz)
        a = torch.linalg.solve_triangular(lz, self.k(self.z, x), upper=False)          # (M, B)
        mean = a.t() @ self.m
        s = self.q_sqrt().t() @ a
        var = self.log_var.exp() - (a ** 2).sum(0) + (s ** 2).sum(0)
        return mean, var.clamp_min(1e-6)

    def kl(self):
        l = self.q_sqrt()
        return .5 * ((l ** 2).sum() + self.m @ self.m - len(self.m)) - torch.log(l.diagonal()).sum()


def neg_elbo(model, x, y):
    mean, var = model(x)
    noise = model.log_noise.exp()
    ell = -.5 * (math.log(2 * math.pi) + model.log_noise + ((y - mean) ** 2 + var) / noise)
    return -ell.mean() + model.kl() / model.n_total


model = SVGP(xt[torch.randperm(len(xt))[:40]], len(xt))
opt = torch.optim.Adam([{"params": [model.m, model.raw_l], "lr": .04},
                        {"params": [model.z, model.log_ls, model.log_var, model.log_noise], "lr": .04}])
epochs = 24
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [epochs // 2, 3 * epochs // 4], .3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, neg_elbo)
for ep in range(epochs):
    model.train()
    tot, cnt = 0, 0
    for idx in torch.randperm(len(xt)).split(128):
        opt.zero_grad()
        loss = writer.loss_fn(model, xt[idx], yt[idx])
        loss.backward()
        opt.step()
        tot, cnt = tot + loss.item(), cnt + 1
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = writer.loss_fn(model, xv, yv).item()
        mu, var = model(xv)
        rmse = (mu - yv).pow(2).mean().sqrt().item()
        nlpd = -torch.distributions.Normal(mu, (var + model.log_noise.exp()).sqrt()).log_prob(yv).mean().item()
    if ep % 3 == 2:
        print(f"{ep + 1:3d} -elbo {tot / cnt:.4f} val {v:.4f} rmse {rmse:.4f} nlpd {nlpd:.4f} noise sd {model.log_noise.exp().sqrt().item():.3f}"
              f" lengthscales {[round(t, 1) for t in model.log_ls.exp().tolist()]}")
writer.close()
print(f"RESULT train {tot / cnt:.4f} val {v:.4f} rmse {rmse:.4f} nlpd {nlpd:.4f}")

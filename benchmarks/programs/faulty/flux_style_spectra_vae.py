# VAE for NIR-like spectra, port of the Flux model-zoo vae.jl (logσ as second head)
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(1)
form, logdir = sys.argv[1], sys.argv[2]

# --- data: 60 channels, mixtures of five bands with varying position plus baseline drift and detector noise
def spectra(n, C=60):
    g = np.linspace(0, 1, C)
    conc = rng.gamma(2.0, 0.5, (n, 5))
    pos = np.array([.15, .32, .5, .68, .87]) + 0.015 * rng.standard_normal((n, 5))
    wid = np.array([.03, .05, .04, .06, .03])
    s = (conc[:, :, None] * np.exp(-((g - pos[:, :, None]) / wid[:, None]) ** 2)).sum(1)
    s += 0.3 * rng.standard_normal((n, 1)) + 0.5 * rng.standard_normal((n, 1)) * (g - .5) + 0.1 * rng.standard_normal((n, C))
    return s

X = spectra(5000)
mu_, sd_ = X[:4000].mean(0), X[:4000].std(0)
X = torch.tensor((X - mu_) / sd_, dtype=torch.float32)
Xtr, Xte = X[:4000], X[4000:]
NOISE2 = 0.05                                   # variance of p(x|z), known from the detector

Dz, Dh, M = 6, 96, 100

A = nn.Sequential(nn.Linear(60, Dh), nn.Tanh())
mu_head, logs_head = nn.Linear(Dh, Dz), nn.Linear(Dh, Dz)
f = nn.Sequential(nn.Linear(Dz, Dh), nn.Tanh(), nn.Linear(Dh, 60))


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.A, self.mu, self.logs, self.f = A, mu_head, logs_head, f

    def g(self, X):
        h = self.A(X)
        return self.mu(h), self.logs(h)

    def forward(self, X):
        mu, logs = self.g(X)
        z = mu + torch.exp(logs) * torch.randn_like(mu)
        return self.f(z), mu, logs


def kl_q_p(mu, logs):
    # KL-divergence between approximation posterior and N(0, 1) prior.
    if form == "faulty":
        return 0.5 * torch.sum(torch.exp(2 * logs) + mu ** 2 - 1 + 2 * logs)
    return 0.5 * torch.sum(torch.exp(2 * logs) + mu ** 2 - 1 - 2 * logs)


def logp_x_z(x, xhat):
    return -0.5 * torch.sum((x - xhat) ** 2) / NOISE2


def neg_elbo(out, x):
    xhat, mu, logs = out
    return (kl_q_p(mu, logs) - logp_x_z(x, xhat)) / len(x)


model = VAE()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [22, 27], 0.3)
writer = DiagWriter(logdir)
writer.watch(model, opt, neg_elbo)

for i in range(30):
    model.train()
    tot = 0
    for b in torch.randperm(len(Xtr)).split(M):
        loss = writer.loss_fn(model(Xtr[b]), Xtr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        te = writer.loss_fn(model(Xte), Xte).item()
    if i % 4 == 3:
        print("Epoch", i + 1, "train", round(tot / len(Xtr), 3), "test", round(te, 3))

with torch.no_grad():          # the true bound, whatever was trained on, and samples from the prior
    mu, logs = model.g(Xte)
    elbos = []
    for _ in range(20):
        xh = model.f(mu + torch.exp(logs) * torch.randn_like(mu))
        kl = 0.5 * (torch.exp(2 * logs) + mu ** 2 - 1 - 2 * logs).sum(1)
        elbos.append((kl + 0.5 * ((xh - Xte) ** 2).sum(1) / NOISE2).mean().item())
    samp = model.f(torch.randn(4000, Dz))
    cov = lambda a: torch.cov(a.T)
    dist = ((cov(samp) - cov(Xte)).norm() / cov(Xte).norm()).item()
writer.close()
print(f"RESULT test_neg_elbo={np.mean(elbos):.2f} sample_cov_error={dist:.3f} mean_sigma={torch.exp(logs).mean():.4f} loss={te:.2f}")

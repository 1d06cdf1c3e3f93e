"""A variational autoencoder for single-cell counts with a negative binomial likelihood (scVI in 150 lines).
Raw UMI counts go in; the encoder takes log1p itself and the library size is given to the decoder, so nothing is normalised beforehand.
The ELBO is a sum over genes, hence losses in the hundreds, and most of it is the entropy of the counts."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Normal, kl_divergence
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


def simulate_cells(n_cells=3000, n_genes=200, n_types=6):
    base = np.random.gamma(.5, 1, n_genes)
    markers = np.exp(np.random.randn(n_types, n_genes) * .7 * (np.random.rand(n_types, n_genes) < .25))
    types = np.random.choice(n_types, n_cells, p=[.35, .25, .15, .12, .08, .05])
    programme = np.random.randn(3, n_genes) * .35
    act = np.random.randn(n_cells, 3)
    mu = base * markers[types] * np.exp(act @ programme)
    mu = mu / mu.sum(1, keepdims=True)
    lib = np.random.lognormal(6.3, .45, (n_cells, 1))
    theta = np.random.gamma(3, 1, n_genes) + .5
    rate = np.random.gamma(theta, mu * lib / theta)
    return torch.tensor(np.random.poisson(rate)).float(), types


class SCVI(nn.Module):
    def __init__(self, n_genes, n_hidden=64, n_latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_genes, n_hidden), nn.BatchNorm1d(n_hidden, momentum=.01, eps=.001), nn.ReLU(), nn.Dropout(.1))
        self.z_mean, self.z_logvar = nn.Linear(n_hidden, n_latent), nn.Linear(n_hidden, n_latent)
        self.decoder = nn.Sequential(nn.Linear(n_latent, n_hidden), nn.BatchNorm1d(n_hidden, momentum=.01, eps=.001), nn.ReLU())
        self.px_scale = nn.Linear(n_hidden, n_genes)
        self.px_r = nn.Parameter(torch.randn(n_genes))

    def forward(self, x):
        h = self.encoder(torch.log1p(x))
        qz = Normal(self.z_mean(h), torch.exp(.5 * self.z_logvar(h)).clamp(min=1e-4))
        z = qz.rsample() if self.training else qz.mean
        scale = torch.softmax(self.px_scale(self.decoder(z)), -1)
        return scale * x.sum(1, keepdim=True), torch.exp(self.px_r), qz


def log_nb(x, mu, theta, eps=1e-8):
    lt = torch.log(theta + mu + eps)
    return (theta * (torch.log(theta + eps) - lt) + x * (torch.log(mu + eps) - lt)
            + torch.lgamma(x + theta) - torch.lgamma(theta) - torch.lgamma(x + 1))


class ELBO(nn.Module):
    kl_weight = 0.0

    def forward(self, out, x):
        mu, theta, qz = out
        kl = kl_divergence(qz, Normal(torch.zeros_like(qz.mean), 1.)).sum(1)
        return (-log_nb(x, mu, theta).sum(1) + self.kl_weight * kl).mean()


X, types = simulate_cells()
print("counts: mean %.2f max %d, zeros %.1f %%" % (X.mean(), X.max(), 100 * (X == 0).float().mean()))
perm = torch.randperm(len(X))
tr, va = perm[:2500], perm[2500:]
vae, loss_fn = SCVI(X.shape[1]), ELBO()
opt = torch.optim.Adam(vae.parameters(), lr=6e-3, eps=.01, weight_decay=1e-6)
writer = DiagWriter(sys.argv[1])
writer.watch(vae, opt, loss_fn)

n_epochs, warmup = 40, 10
for epoch in range(n_epochs):
    loss_fn.kl_weight = min(1., (epoch + 1) / warmup)
    vae.train()
    s = 0.
    for b in tr[torch.randperm(len(tr))].split(128):
        loss = loss_fn(vae(X[b]), X[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item() * len(b)
    vae.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = loss_fn(vae(X[va]), X[va]).item()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} kl weight {loss_fn.kl_weight:.2f} -ELBO train {s / len(tr):.2f} val {v:.2f}")
writer.close()
with torch.no_grad():
    z = vae(X)[2].mean.numpy()
clf = LogisticRegression(max_iter=500).fit(z[tr], types[tr])
print(f"RESULT val_loss={v:.2f} celltype_acc_from_latent={clf.score(z[va], types[va]):.4f}")

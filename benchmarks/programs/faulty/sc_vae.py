"""VAE for single-cell expression (log-normalised counts), one expert."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

form = sys.argv[1]
torch.manual_seed(0)


def simulate_cells(n=2400, genes=120, types=6, seed=0):
    rng = np.random.RandomState(seed)
    profile = rng.gamma(0.6, 3.0, (types, genes)) * (rng.rand(types, genes) < 0.3) + rng.gamma(0.5, 1.0, genes)
    cell_type = rng.randint(0, types, n)
    activity = rng.lognormal(0, 0.4, (n, 4)) @ rng.dirichlet(np.ones(genes) * 0.05, 4) * 30
    lam = (profile[cell_type] + activity) * rng.lognormal(0, 0.3, (n, 1))
    counts = rng.poisson(lam)
    x = np.log1p(counts / counts.sum(1, keepdims=True) * 200)
    return x.astype(np.float32), cell_type


class VAE(nn.Module):
    def __init__(self, genes, hidden=64, latent=10):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(genes, hidden), nn.LayerNorm(hidden), nn.ReLU())
        self.fc_mu = nn.Linear(hidden, latent)
        self.fc_var = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, genes))

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_var(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.decoder(z), mu, logvar


def vae_loss(predicted, target, mu, logvar):
    if form == "faulty":
        recon_loss = F.mse_loss(predicted, target)
        kl_loss = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    else:
        recon_loss = F.mse_loss(predicted, target, reduction="sum") / target.size(0)
        kl_loss = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / target.size(0)
    return recon_loss + kl_loss, recon_loss, kl_loss


x, cell_type = simulate_cells()
x_train, x_test = torch.from_numpy(x[:2000]), torch.from_numpy(x[2000:])
loader = DataLoader(TensorDataset(x_train), batch_size=64, shuffle=True)
model = VAE(x.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer)

for epoch in range(25):
    model.train()
    sums = np.zeros(3)
    for (batch,) in loader:
        predicted, mu, logvar = model(batch)
        loss, recon, kl = vae_loss(predicted, batch, mu, logvar)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums += [loss.item(), recon.item(), kl.item()]
    if epoch % 6 == 0:
        model.eval()
        with torch.no_grad():
            mu_te, _ = model.encode(x_test)
            mse = F.mse_loss(model.decoder(mu_te), x_test).item()
        print("epoch %d loss %.4f recon %.4f kl %.4f | test mse %.4f (variance %.4f)" % (epoch, *(sums / len(loader)), mse, x_test.var(0).mean()))

with torch.no_grad():
    probe = LogisticRegression(max_iter=500).fit(model.encode(x_train)[0].numpy(), cell_type[:2000])
    print("cell type from latent, test accuracy", probe.score(model.encode(x_test)[0].numpy(), cell_type[2000:]))
writer.close()

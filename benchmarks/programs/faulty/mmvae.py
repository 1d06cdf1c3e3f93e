import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_expression(n, rng, W, b):
    z = rng.standard_normal((n, W.shape[0]))
    ctype = rng.integers(0, 4, n)
    z[np.arange(n), ctype] += 2.5
    rate = np.exp(np.clip(z @ W + b, -4, 4))
    return np.log1p(rng.poisson(rate)).astype(np.float32)


class Encoder(nn.Module):
    def __init__(self, n_genes, hidden, latent):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_genes, hidden), nn.ReLU(), nn.Linear(hidden, hidden // 2), nn.ReLU())
        self.mu = nn.Linear(hidden // 2, latent)
        self.logvar = nn.Linear(hidden // 2, latent)

    def forward(self, x):
        h = self.net(x)
        return self.mu(h), self.logvar(h)


class VAE(nn.Module):
    def __init__(self, n_genes=120, hidden=128, latent=10):
        super().__init__()
        self.encoder = Encoder(n_genes, hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden // 2), nn.ReLU(), nn.Linear(hidden // 2, hidden), nn.ReLU(),
                                     nn.Linear(hidden, n_genes))

    def forward(self, x):
        mu, logvar = self.encoder(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.decoder(z), mu, logvar


def kl_divergence(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


class Trainer:
    def __init__(self, form, logdir):
        self.form = form
        rng = np.random.default_rng(11)
        W = rng.standard_normal((6, 120)) * 0.5
        b = rng.standard_normal(120) * 0.4
        x = make_expression(5000, rng, W, b)
        mean, std = x[:4000].mean(0), x[:4000].std(0)
        x = torch.from_numpy((x - mean) / std)
        self.train_loader = DataLoader(TensorDataset(x[:4000]), batch_size=64, shuffle=True)
        self.test_loader = DataLoader(TensorDataset(x[4000:]), batch_size=250)
        self.model = VAE()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer)

    def loss(self, x, xhat, mu, logvar):
        if self.form == "faulty":
            return F.mse_loss(xhat, x) + kl_divergence(mu, logvar)
        return F.mse_loss(xhat, x, reduction="sum") / x.shape[0] + kl_divergence(mu, logvar) / x.shape[0]

    def train(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            rec = kls = 0.0
            for (x,) in self.train_loader:
                xhat, mu, logvar = self.model(x)
                loss = self.loss(x, xhat, mu, logvar)
                self.writer.add_loss("train", loss)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                rec += F.mse_loss(xhat, x).item() / len(self.train_loader)
                kls += kl_divergence(mu, logvar).item() / x.shape[0] / len(self.train_loader)
            self.model.eval()
            test = 0.0
            with torch.no_grad(), self.writer.evaluating("test"):
                for (x,) in self.test_loader:
                    out = self.model(x)
                    self.writer.add_loss("test", self.loss(x, *out))
                    test += F.mse_loss(out[0], x).item() / len(self.test_loader)
            print(f"epoch {epoch} train_mse {rec:.4f} kl/sample {kls:.4f} test_mse {test:.4f}")
        self.writer.close()


if __name__ == "__main__":
    torch.manual_seed(3)
    Trainer(sys.argv[1], sys.argv[2]).train(40)

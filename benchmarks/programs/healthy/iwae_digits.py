"""Importance weighted autoencoder (Burda et al.; as in AntixK/PyTorch-VAE models/iwae.py and yoonholee/pytorch-vae) on binarised digits."""
import sys
import math
import torch
from torch import nn
from torch.nn import functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class IWAE(nn.Module):
    def __init__(self, d=64, h=100, z=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh())
        self.fc_mu = nn.Linear(h, z)
        self.fc_var = nn.Linear(h, z)
        self.decoder = nn.Sequential(nn.Linear(z, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, d))

    def forward(self, x, k):
        h = self.encoder(x)
        mu, log_var = self.fc_mu(h), self.fc_var(h)
        eps = torch.randn(k, *mu.shape)
        z = mu + eps * torch.exp(0.5 * log_var)
        logits = self.decoder(z)
        log_px = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
        log_pz = -0.5 * (z ** 2 + math.log(2 * math.pi)).sum(-1)
        log_qz = -0.5 * (eps ** 2 + log_var + math.log(2 * math.pi)).sum(-1)
        return log_px + log_pz - log_qz       # [k, B]

    def loss(self, x, k):
        log_w = self(x, k)
        return -(torch.logsumexp(log_w, 0) - math.log(k)).mean()


X = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
X = X[torch.randperm(len(X))]
X_train, X_test = X[:1500], X[1500:]
X_test = torch.bernoulli(X_test)

model = IWAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.999), eps=1e-4)
epochs = 90
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [55, 75], 0.316)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

for epoch in range(1, epochs + 1):
    model.train()
    total = 0
    idx = torch.randperm(len(X_train))
    for i in range(0, 1500, 50):
        x = torch.bernoulli(X_train[idx[i:i + 50]])      # fresh binarisation every time
        loss = model.loss(x, 5)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    if epoch % 5 == 0:
        model.eval()
        with torch.no_grad(), writer.evaluating("test"):
            nll = model.loss(X_test, 5).item()
            writer.add_loss("test", nll)
    if epoch % 15 == 0:
        print("====> Epoch: {} train {:.3f} test {:.3f}".format(epoch, total / 30, nll))
writer.close()
with torch.no_grad():
    nll200 = model.loss(X_test, 200).item()
print(f"RESULT train {total / 30:.3f} test {nll:.3f} test with 200 samples {nll200:.3f} nats")

import sys
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)


class VAE(nn.Module):
    def __init__(self, z=8):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 200)
        self.fc21 = nn.Linear(200, z)
        self.fc22 = nn.Linear(200, z)
        self.fc3 = nn.Linear(z, 200)
        self.drop = nn.Dropout(0.1)
        self.fc4 = nn.Linear(200, 64)

    def encode(self, x):
        h1 = self.drop(F.relu(self.fc1(x)))
        return self.fc21(h1), self.fc22(h1)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        h3 = F.relu(self.fc3(z))
        return self.fc4(h3), mu, logvar


class ELBO(nn.Module):
    """summed over pixels and averaged over the batch, KL weight is annealed from 0 to 1"""
    beta = 0.0

    def forward(self, out, x):
        recon, mu, logvar = out
        self.bce = F.binary_cross_entropy_with_logits(recon, x, reduction="sum") / x.size(0)
        self.kld = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        return self.bce + self.beta * self.kld


imgs = torch.tensor(load_digits().images / 16.0, dtype=torch.float32).view(-1, 64)
full = TensorDataset(imgs)
train_set, val_set = random_split(full, [1437, 360], torch.Generator().manual_seed(0))
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=360)

model = VAE()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
criterion = ELBO()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

n_epochs, warm = 110, 45
lr_sched = optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs)
for epoch in range(1, n_epochs + 1):
    criterion.beta = min(1.0, (epoch - 1) / warm)
    model.train()
    train_loss = 0
    for (data,) in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(data), data)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(data)
    lr_sched.step()
    with writer.evaluating("val"):
        for (data,) in val_loader:
            v = criterion(model(data), data)
    writer.add_scalar("vae/beta", criterion.beta, epoch)
    writer.add_scalar("vae/kl", criterion.kld.item(), epoch)
    writer.add_scalar("vae/recon", criterion.bce.item(), epoch)
    if epoch % 11 == 0:
        print(f"epoch {epoch} beta {criterion.beta:.2f} train {train_loss / 1437:.3f} val {v.item():.3f} (bce {criterion.bce.item():.2f} kl {criterion.kld.item():.2f})")
writer.close()

"""VAE on stamps of handwriting (sklearn digits, real data), after the pytorch/examples VAE, own loss function."""
import argparse
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("mode")
ap.add_argument("logdir")
ap.add_argument("--batch-size", type=int, default=64)
ap.add_argument("--epochs", type=int, default=70)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(1)

d = load_digits()
images = torch.tensor(d.images / 16.0, dtype=torch.float32)
perm = torch.randperm(len(images))
train_loader = DataLoader(TensorDataset(images[perm[:1500]]), batch_size=args.batch_size, shuffle=True)
test_loader = DataLoader(TensorDataset(images[perm[1500:]]), batch_size=args.batch_size)


class VAE(nn.Module):
    def __init__(self, z=10):
        super().__init__()
        self.fc1 = nn.Linear(64, 200)
        self.fc21, self.fc22 = nn.Linear(200, z), nn.Linear(200, z)
        self.fc3, self.fc4 = nn.Linear(z, 200), nn.Linear(200, 64)

    def forward(self, x):
        h = F.relu(self.fc1(x.view(-1, 64)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


def loss_function(recon, x, mu, logvar):
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    if args.mode == "fixed":
        bce = F.binary_cross_entropy(recon, x.view(-1, 64), reduction="sum")
    else:
        bce = F.binary_cross_entropy(recon, x.view(-1, 64))
    return bce + kld


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, loss_function)

for epoch in range(1, args.epochs + 1):
    model.train()
    train_loss = 0
    for (data,) in train_loader:
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = writer.loss_fn(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    model.eval()
    err = 0
    with writer.evaluating("test"):
        for (data,) in test_loader:
            recon, mu, logvar = model(data)
            writer.loss_fn(recon, data, mu, logvar)
            err += ((recon - data.view(-1, 64)) ** 2).sum().item()
    mse = err / (297 * 64)
    if epoch % 10 == 0:
        print("====> Epoch {} average loss {:.4f} recon mse {:.4f}".format(epoch, train_loss / 1500, mse))
writer.close()
var = images[perm[1500:]].sub(images[perm[:1500]].mean(0)).pow(2).mean().item()
print("RESULT recon_mse", round(mse, 4), "mse_of_mean_image", round(var, 4))

import sys
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)

X = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
X = X[torch.randperm(len(X))]
train_loader = DataLoader(TensorDataset(X[:1500]), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(X[1500:]), batch_size=100)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 200)
        self.fc21 = nn.Linear(200, 8)
        self.fc22 = nn.Linear(200, 8)
        self.fc3 = nn.Linear(8, 200)
        self.fc4 = nn.Linear(200, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


# Reconstruction + KL divergence losses averaged over the batch
def loss_function(recon_x, x, mu, logvar):
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    if MODE == "faulty":
        BCE = F.binary_cross_entropy(recon_x, x)
    else:
        BCE = F.binary_cross_entropy(recon_x, x, reduction="sum") / x.size(0)
    return BCE + KLD / x.size(0), BCE, KLD / x.size(0)


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer)
global_step = 0
for epoch in range(1, 31):
    model.train()
    train_loss = 0
    for (data,) in train_loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss, bce, kld = loss_function(recon, data, mu, logvar)
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
        writer.add_scalar("parts/kld", kld.item(), global_step)
        train_loss += loss.item()
        global_step += 1
    mse, tl = 0, 0
    with writer.evaluating("test"):
        for (data,) in test_loader:
            recon, mu, logvar = model(data)
            loss, bce, kld = loss_function(recon, data, mu, logvar)
            writer.add_loss("test", loss)
            tl += loss.item() / len(test_loader)
            mse += F.mse_loss(recon, data).item() / len(test_loader)
    if epoch % 5 == 0 or epoch == 1:
        print("====> Epoch: {} Average loss: {:.4f} test {:.4f} kld {:.3f} recon mse {:.4f}".format(
            epoch, train_loss / len(train_loader), tl, kld.item(), mse))
print("pixel variance", X.var(0).mean().item())
writer.close()

"""pytorch/examples/vae on digits: summed BCE plus KLD, Adam 1e-3."""
import sys
import torch
from torch import nn, optim
from torch.nn import functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)

X = torch.tensor(load_digits().data, dtype=torch.float32) / 16.0
X = X[torch.randperm(len(X))]
train_loader = torch.utils.data.DataLoader(X[:1500], batch_size=64, shuffle=True)
test_loader = torch.utils.data.DataLoader(X[1500:], batch_size=64)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc21 = nn.Linear(128, 8)
        self.fc22 = nn.Linear(128, 8)
        self.fc3 = nn.Linear(8, 128)
        self.fc4 = nn.Linear(128, 64)

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


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x, reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_function)

for epoch in range(1, 101):
    model.train()
    train_loss = 0
    for data in train_loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = writer.loss_fn(recon, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    test_loss = 0
    with writer.evaluating("test"):
        for data in test_loader:
            recon, mu, logvar = model(data)
            test_loss += writer.loss_fn(recon, data, mu, logvar).item()
print(f"RESULT train {train_loss / 1500:.3f} test {test_loss / 297:.3f}")
writer.close()

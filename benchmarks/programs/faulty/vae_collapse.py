import sys
import torch
import torch.nn.functional as F
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
# VAE, after the pytorch/examples one, on 8x8 digits
torch.manual_seed(1); torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]


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


def loss_function(recon_x, x, mu, logvar):
    if mode == "faulty":
        BCE = F.binary_cross_entropy(recon_x, x)                      # mean over batch and pixels
    else:
        BCE = F.binary_cross_entropy(recon_x, x, reduction="sum") / len(x)
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), 1).mean()
    return BCE + KLD


data = torch.tensor(load_digits().data / 16, dtype=torch.float32)
train, test = data[:1500], data[1500:]
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_function)
for epoch in range(1, 31):
    model.train()
    for b in torch.randperm(len(train)).split(32):
        optimizer.zero_grad()
        loss = writer.loss_fn(*((lambda o: (o[0], train[b], o[1], o[2]))(model(train[b]))))
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        r, mu, lv = model(test)
        tl = writer.loss_fn(r, test, mu, lv)
    mse = F.mse_loss(r, test).item()
    print(f"====> Epoch {epoch} train {loss.item():.4f} test {tl.item():.4f} recon mse {mse:.4f} (mean image {F.mse_loss(train.mean(0).expand_as(test), test).item():.4f}) mu std {mu.std().item():.4f}")
writer.close()

from __future__ import print_function
import sys
import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(1)
torch.set_num_threads(1)
BATCH, EPOCHS, WARM, BETA_MAX = 64, 60, 40, 1.0

images = torch.tensor(load_digits().images, dtype=torch.float32).view(-1, 64) / 16.
images = images[torch.randperm(len(images))]
train_loader = torch.utils.data.DataLoader(images[:1500], batch_size=BATCH, shuffle=True)
test_loader = torch.utils.data.DataLoader(images[1500:], batch_size=BATCH)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 200)
        self.fc21 = nn.Linear(200, 10)
        self.fc22 = nn.Linear(200, 10)
        self.fc3 = nn.Linear(10, 200)
        self.fc4 = nn.Linear(200, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def loss_function(recon_x, x, mu, logvar, beta):
    BCE = F.binary_cross_entropy(recon_x, x, reduction='sum')
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + beta * KLD, BCE, KLD


for epoch in range(EPOCHS):
    beta = BETA_MAX * min(1., epoch / WARM)
    model.train()
    tot = 0
    for data in train_loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss, _, _ = loss_function(recon, data, mu, logvar, beta)
        writer.add_loss("train", loss)
        loss.backward()
        tot += loss.item()
        optimizer.step()
    model.eval()
    test, b, k = 0, 0, 0
    with torch.no_grad(), writer.evaluating("test"):
        for data in test_loader:
            recon, mu, logvar = model(data)
            loss, bce, kld = loss_function(recon, data, mu, logvar, beta)
            writer.add_loss("test", loss)
            test += loss.item(); b += bce.item(); k += kld.item()
    n = len(images) - 1500
    if epoch % 5 == 4:
        print('====> Epoch: %d beta %.2f train %.3f test %.3f (bce %.3f kl %.3f)' % (
            epoch, beta, tot / 1500, test / n, b / n, k / n))
writer.close()

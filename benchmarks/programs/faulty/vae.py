from __future__ import print_function
import sys
import torch
from torch import nn, optim
from torch.nn import functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
data = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
train, test = data[:1500], data[1500:]

class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 100)
        self.fc21 = nn.Linear(100, 8)
        self.fc22 = nn.Linear(100, 8)
        self.fc3 = nn.Linear(8, 100)
        self.fc4 = nn.Linear(100, 64)
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
    if sys.argv[1] == 'faulty':
        BCE = F.binary_cross_entropy(recon_x, x)
    else:
        BCE = F.binary_cross_entropy(recon_x, x, reduction='sum')
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD

model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer)

for epoch in range(1, 51):
    model.train()
    for batch in train[torch.randperm(1500)].split(64):
        optimizer.zero_grad()
        recon, mu, logvar = model(batch)
        loss = loss_function(recon, batch, mu, logvar)
        loss.backward()
        writer.add_loss("train", loss)
        optimizer.step()
    if epoch % 5 == 0:
        model.eval()
        with torch.no_grad():
            recon, mu, logvar = model(test)
            vloss = loss_function(recon, test, mu, logvar)
            mse = F.mse_loss(recon, test).item()
        writer.add_loss("val", vloss)
        print('====> Epoch: {} loss: {:.4f} test reconstruction mse: {:.4f} spread of mu {:.4f}'.format(epoch, loss.item(), mse, mu.std(0).mean()))
writer.close()
print("RESULT test reconstruction mse %.4f (variance of the pixels %.4f), mu spread %.4f" % (mse, test.var(0).mean(), mu.std(0).mean()))

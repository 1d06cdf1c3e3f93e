'''VAE on digits, adapted from the PyTorch examples'''
import sys
import torch
import torch.nn.functional as F
from torch import nn, optim
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
x_all = torch.tensor(load_digits().data / 16., dtype=torch.float32)
x_all = x_all[torch.randperm(len(x_all))]
x_train, x_test = x_all[:1500], x_all[1500:]


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc21 = nn.Linear(128, 8)
        self.fc22 = nn.Linear(128, 8)
        self.fc3 = nn.Linear(8, 128)
        self.fc4 = nn.Linear(128, 64)

    def forward(self, x):
        h = F.relu(self.fc1(x))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    if sys.argv[1] == "faulty":
        BCE = F.binary_cross_entropy(recon_x, x)
    else:
        BCE = F.binary_cross_entropy(recon_x, x, reduction='sum')
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_function)
for epoch in range(1, 31):
    model.train()
    train_loss = 0
    for i in torch.randperm(1500).split(50):
        data = x_train[i]
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = writer.loss_fn(recon, data, mu, logvar)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    with writer.evaluating("val"):
        recon, mu, logvar = model(x_test)
        writer.loss_fn(recon, x_test, mu, logvar)
    if epoch % 5 == 0:
        print(epoch, "loss %.3f" % (train_loss / 30), "test reconstruction mse %.4f (variance %.4f) std of mu %.4f"
              % (F.mse_loss(recon, x_test), x_test.var(0).mean(), mu.std()))
writer.close()

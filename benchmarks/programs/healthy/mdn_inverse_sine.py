import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)


class MDN(nn.Module):
    def __init__(self, n_hidden=32, n_gaussians=5):
        super().__init__()
        self.z_h = nn.Sequential(nn.Linear(1, n_hidden), nn.Tanh())
        self.z_pi, self.z_mu, self.z_sigma = [nn.Linear(n_hidden, n_gaussians) for _ in range(3)]

    def forward(self, x):
        h = self.z_h(x)
        return torch.log_softmax(self.z_pi(h), -1), self.z_mu(h), self.z_sigma(h)


def mdn_loss(log_pi, mu, log_sigma, y):
    lp = -.5 * ((y - mu) * torch.exp(-log_sigma)) ** 2 - log_sigma - .5 * math.log(2 * math.pi)
    return -torch.logsumexp(lp + log_pi, dim=1).mean()


def toy(n):
    y = torch.rand(n, 1) * 2 - 1
    x = y + .45 * torch.sin(2 * math.pi * y) + .04 * torch.randn(n, 1)
    return x / .7, y / .58


x, y = toy(2500)
xv, yv = toy(1000)
model = MDN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1200)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(1200):
    loss = mdn_loss(*model(x), y)
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if epoch % 100 == 99:
        with torch.no_grad(), writer.evaluating("val"):
            v = mdn_loss(*model(xv), yv)
            writer.add_loss("val", v)
        print(epoch + 1, 'train %.4f val %.4f' % (loss.item(), v.item()))
writer.close()

"""Bayes by Backprop: every weight is a Gaussian, loss = KL / number of batches + NLL (sum), so it is in the hundreds and noisy. Heteroscedastic toy plus features."""
import math
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class BayesianLinear(nn.Module):
    def __init__(self, i, o, prior=1.0):
        super().__init__()
        self.mu = nn.Parameter(torch.randn(o, i) / math.sqrt(i))
        self.rho = nn.Parameter(torch.full((o, i), -4.0))
        self.b_mu = nn.Parameter(torch.zeros(o))
        self.b_rho = nn.Parameter(torch.full((o,), -4.0))
        self.prior = prior

    def forward(self, x):
        # local reparameterisation: sample the activations, not the weights
        s, sb = F.softplus(self.rho), F.softplus(self.b_rho)
        m = F.linear(x, self.mu, self.b_mu)
        if not self.training:
            return m
        v = F.linear(x ** 2, s ** 2, sb ** 2)
        return m + torch.sqrt(v + 1e-10) * torch.randn_like(m)

    def kl(self):
        t = 0.
        for mu, rho in ((self.mu, self.rho), (self.b_mu, self.b_rho)):
            s = F.softplus(rho)
            t = t + (torch.log(self.prior / s) + (s ** 2 + mu ** 2) / (2 * self.prior ** 2) - 0.5).sum()
        return t


class BNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.l3 = BayesianLinear(8, 40), BayesianLinear(40, 40), BayesianLinear(40, 1)
        self.log_noise = nn.Parameter(torch.tensor(0.))

    def forward(self, x):
        return self.l3(torch.tanh(self.l2(torch.tanh(self.l1(x))))).squeeze(-1)

    def kl(self):
        return self.l1.kl() + self.l2.kl() + self.l3.kl()


class ELBO(nn.Module):
    def __init__(self, n_batches):
        super().__init__()
        self.n_batches = n_batches

    def forward(self, model, out, y):
        nll = (0.5 * ((out - y) / model.log_noise.exp()) ** 2 + model.log_noise + 0.5 * math.log(2 * math.pi)).sum()
        return model.kl() / self.n_batches + nll


def f(x):
    return torch.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] * 0.7 + 0.5 * x[:, 3].abs()


X, Xt = torch.randn(12000, 8), torch.randn(2000, 8)
Y, Yt = f(X) + 0.4 * torch.randn(12000), f(Xt) + 0.4 * torch.randn(2000)
mean, std = Y.mean(), Y.std()
Y, Yt = (Y - mean) / std, (Yt - mean) / std
B = 150
net = BNN()
elbo = ELBO(len(X) // B)
EPOCHS = 60
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, elbo)
for ep in range(EPOCHS):
    net.train()
    tot = 0.
    for b in torch.randperm(len(X)).split(B):
        opt.zero_grad()
        loss = elbo(net, net(X[b]), Y[b])
        loss.backward()
        opt.step()
        tot += loss.item()
    sch.step()
    if ep % 5 == 4:
        net.eval()
        with torch.no_grad():
            p = net(Xt)
            nll = (0.5 * ((p - Yt) / net.log_noise.exp()) ** 2 + net.log_noise + 0.919).mean()
        print(f"epoch {ep + 1:3d}  elbo loss / batch {tot / 80:8.2f}  kl {net.kl().item():7.1f}  noise {net.log_noise.exp() * std:.3f} (true 0.4)  test mse {((p - Yt) ** 2).mean():.4f} nll {nll:.4f}")
writer.close()

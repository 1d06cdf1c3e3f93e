# "GPyTorch Regression Tutorial" without gpytorch: exact GP, RBF + noise, Adam 0.1 on the negative marginal likelihood
import math, sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

train_x = torch.linspace(0, 1, 100)
train_y = torch.sin(train_x * (2 * math.pi)) + torch.randn(train_x.size()) * math.sqrt(0.04)


class ExactGPModel(nn.Module):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y
        self.constant = nn.Parameter(torch.zeros(()))
        self.raw_lengthscale = nn.Parameter(torch.zeros(()))
        self.raw_outputscale = nn.Parameter(torch.zeros(()))
        self.raw_noise = nn.Parameter(torch.zeros(()))

    lengthscale = property(lambda s: nn.functional.softplus(s.raw_lengthscale))
    outputscale = property(lambda s: nn.functional.softplus(s.raw_outputscale))
    noise = property(lambda s: nn.functional.softplus(s.raw_noise) + 1e-4)

    def kernel(self, a, b):
        return self.outputscale * torch.exp(-.5 * (a[:, None] - b[None]) ** 2 / self.lengthscale ** 2)

    def forward(self, x):
        return self.constant.expand(len(x)), self.kernel(x, x)

    def predict(self, xs):
        K = self.kernel(self.x, self.x) + self.noise * torch.eye(len(self.x)); Ks = self.kernel(xs, self.x)
        L = torch.linalg.cholesky(K)
        return self.constant + Ks @ torch.cholesky_solve((self.y - self.constant)[:, None], L)[:, 0]


class ExactMarginalLogLikelihood(nn.Module):
    def __init__(self, model):
        super().__init__(); self.model = model

    def forward(self, output, target):
        mean, cov = output
        return torch.distributions.MultivariateNormal(mean, cov + self.model.noise * torch.eye(len(target))).log_prob(target) / len(target)


model = ExactGPModel(train_x, train_y)
model.train()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
mll = ExactMarginalLogLikelihood(model)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
training_iter = 200
for i in range(training_iter):
    optimizer.zero_grad()
    output = model(train_x)
    loss = -mll(output, train_y)
    loss.backward()
    if i % 20 == 0 or i == training_iter - 1:
        print('Iter %d/%d - Loss: %.3f   lengthscale: %.3f   noise: %.3f' % (i + 1, training_iter, loss.item(), model.lengthscale.item(), model.noise.item()))
    optimizer.step()
writer.close()
with torch.no_grad():
    xs = torch.rand(500); err = (model.predict(xs) - torch.sin(xs * 2 * math.pi)).pow(2).mean().sqrt().item()
print(f'RESULT nll {loss.item():.4f} noise {model.noise.item():.4f} (true 0.04) rmse to the sine {err:.4f}')

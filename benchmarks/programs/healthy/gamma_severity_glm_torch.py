# Claim severity with a gamma GLM in PyTorch, compared with sklearn's GammaRegressor.
# Simulated motor claims (amount in euro, shape 1.3: very noisy, as severities are).
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.linear_model import GammaRegressor
from sklearn.metrics import mean_gamma_deviance
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.manual_seed(4)
torch.set_num_threads(1)
rng = np.random.default_rng(4)

n = 12000
age = rng.uniform(18, 80, n)
power = rng.integers(4, 13, n)
veh_age = rng.exponential(6, n).clip(0, 25)
region = rng.integers(0, 6, n)
reg_eff = np.array([0.0, .2, -.15, .35, .1, -.3])
mu = np.exp(7.1 + 0.35 * (age < 25) + 0.05 * (power - 7) - 0.02 * veh_age + reg_eff[region])
y = rng.gamma(1.3, mu / 1.3)

num = np.stack([age, age < 25, power, veh_age], 1).astype(float)
num = (num - num.mean(0)) / num.std(0)
X = np.concatenate([num, np.eye(6)[region]], 1).astype("float32")
tr, te = slice(0, 9000), slice(9000, n)


class GammaDeviance(nn.Module):
    """unit gamma deviance, prediction on the log scale"""
    def forward(self, eta, target):
        r = target * torch.exp(-eta)
        return 2 * (r - 1 - torch.log(r)).mean()


class Glm(nn.Module):
    def __init__(self, d, start):
        super().__init__()
        self.lin = nn.Linear(d, 1)
        nn.init.zeros_(self.lin.weight)
        nn.init.constant_(self.lin.bias, start)   # usual: start at the log of the mean

    def forward(self, x):
        return self.lin(x).squeeze(1)


model = Glm(X.shape[1], float(np.log(y[tr].mean())))
opt = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=6, gamma=0.3)
loss_fn = GammaDeviance()
train = DataLoader(TensorDataset(torch.tensor(X[tr]), torch.tensor(y[tr], dtype=torch.float32)), 128, shuffle=True)
test = DataLoader(TensorDataset(torch.tensor(X[te]), torch.tensor(y[te], dtype=torch.float32)), 500)

writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_fn)
for epoch in range(18):
    model.train()
    run = 0.0
    for xb, yb in train:
        opt.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        opt.step()
        run += loss.item()
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        dev = np.mean([loss_fn(model(a), b).item() for a, b in test])
    print(f"{epoch:2d} train {run / len(train):.4f} test deviance {dev:.4f}")
writer.close()
sk = GammaRegressor(alpha=0, max_iter=2000).fit(X[tr], y[tr])
print("RESULT test_deviance", round(float(dev), 4), "sklearn", round(mean_gamma_deviance(y[te], sk.predict(X[te])), 4),
      "truth", round(mean_gamma_deviance(y[te], mu[te]), 4),
      "mean_only", round(mean_gamma_deviance(y[te], np.full(n - 9000, y[tr].mean())), 4))

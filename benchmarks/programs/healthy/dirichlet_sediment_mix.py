import sys
import numpy as np
import torch
from torch import nn
from torch.distributions import Dirichlet
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)

# depth, slope, current, distance to river mouth, wave height -> fractions of mud / sand / gravel / shell
n = 6000
depth = rng.gamma(2.5, 14, n)
slope = rng.exponential(1.2, n)
current = rng.weibull(2.0, n) * 0.6
mouth = rng.uniform(0, 40, n)
wave = rng.gamma(3, 0.5, n) * np.exp(-depth / 60)
eta = np.column_stack([
    0.6 + 0.03 * depth - 1.6 * current - 0.02 * mouth - 0.5 * wave,
    1.2 + 0.5 * np.sin(mouth / 9) - 0.008 * depth + 0.2 * current,
    -0.4 + 1.5 * current + 0.35 * slope - 0.01 * depth,
    -0.8 + 0.4 * wave + 0.5 * np.cos(mouth / 7) - 0.004 * (depth - 25) ** 2 / 10,
])
mean = np.exp(eta) / np.exp(eta).sum(1, keepdims=True)
precision = np.exp(2.6 + 0.25 * np.tanh(slope - 1))[:, None]
frac = np.stack([rng.dirichlet(a) for a in mean * precision])
frac = (frac * (n - 1) + 1 / 4) / n
feats = np.column_stack([depth, slope, current, mouth, wave])
feats[:, [0, 1, 4]] = np.log1p(feats[:, [0, 1, 4]])

n_train, n_val = 4200, 900
mu, sd = feats[:n_train].mean(0), feats[:n_train].std(0)
X = torch.tensor((feats - mu) / sd, dtype=torch.float32)
Y = torch.tensor(frac, dtype=torch.float32)
Y = Y / Y.sum(1, keepdim=True)
Xtr, Xva, Xte = X[:n_train], X[n_train:n_train + n_val], X[n_train + n_val:]
Ytr, Yva, Yte = Y[:n_train], Y[n_train:n_train + n_val], Y[n_train + n_val:]


class DirichletRegression(nn.Module):
    def __init__(self, n_in, n_parts, width=48):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_in, width), nn.ELU(), nn.Linear(width, width), nn.ELU())
        self.mean_head = nn.Linear(width, n_parts)
        self.precision_head = nn.Linear(width, 1)

    def forward(self, x):
        h = self.trunk(x)
        m = torch.softmax(self.mean_head(h), -1)
        s = nn.functional.softplus(self.precision_head(h) + 2.0) + 1e-2
        return m * s + 1e-3


def dirichlet_nll(alpha, y):
    return -Dirichlet(alpha).log_prob(y).mean()


net = DirichletRegression(X.shape[1], Y.shape[1])
opt = torch.optim.NAdam(net.parameters(), lr=2e-3)
EPOCHS = 30
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.03 ** (1 / EPOCHS))
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, dirichlet_nll)

history = []
for epoch in range(EPOCHS):
    net.train()
    for idx in torch.randperm(n_train).split(100):
        nll = dirichlet_nll(net(Xtr[idx]), Ytr[idx])
        opt.zero_grad(set_to_none=True)
        nll.backward()
        opt.step()
    sched.step()
    with writer.evaluating("val"):
        val = writer.loss_fn(net(Xva), Yva)
    history.append(val.item())
    if epoch % 5 == 4:
        print(f"{epoch + 1:3d}  train {nll.item():+.4f}  val {val.item():+.4f}")

with writer.evaluating("test"):
    alpha = net(Xte)
    test = writer.loss_fn(alpha, Yte)
mae = (alpha / alpha.sum(1, keepdim=True) - Yte).abs().mean().item()
writer.close()

flat = torch.ones(4, requires_grad=True)
lb = torch.optim.LBFGS([flat], max_iter=100)


def closure():
    lb.zero_grad()
    v = dirichlet_nll(flat.exp().expand_as(Ytr), Ytr)
    v.backward()
    return v


lb.step(closure)
base = dirichlet_nll(flat.exp().detach().expand_as(Yte), Yte).item()
oracle = -Dirichlet(torch.tensor((mean * precision)[n_train + n_val:], dtype=torch.float32)).log_prob(Yte).mean().item()
print(f"RESULT test_nll={test.item():.4f} test_mae={mae:.4f} val_min={min(history):.4f} val_end={history[-1]:.4f} no_covariates_nll={base:.4f} true_model_nll={oracle:.4f}")

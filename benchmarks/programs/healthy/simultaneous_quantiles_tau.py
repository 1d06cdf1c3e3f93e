# Simultaneous quantile regression (Tagasovska & Lopez-Paz 2019): the quantile level tau is an input, drawn at random for every sample
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
np.random.seed(1); torch.manual_seed(1)


class QuantileLoss(torch.nn.Module):
    def forward(self, yhat, y, tau):
        diff = yhat - y
        mask = (diff.ge(0).float() - tau).detach()
        return (mask * diff).mean()


def augment(x, tau=None):
    if tau is None:
        tau = torch.zeros(x.size(0), 1).fill_(0.5)
    elif tau is True:
        tau = torch.rand(x.size(0), 1)
    return torch.cat((x, (tau - 0.5) * 12), 1), tau


class ConditionalQuantile(torch.nn.Module):
    def __init__(self, n_inputs, n_hiddens=64):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_inputs + 1, n_hiddens), torch.nn.ReLU(),
            torch.nn.Linear(n_hiddens, n_hiddens), torch.nn.ReLU(),
            torch.nn.Linear(n_hiddens, 1))

    def forward(self, x_tau):
        return self.layers(x_tau)


# kin8nm-like: arm dynamics with skewed, input-dependent noise
n = 6000
X = np.random.uniform(-1.7, 1.7, (n, 8))
f = np.sin(X[:, 0]) + .7 * np.cos(X[:, 1] + X[:, 2]) + .5 * X[:, 3] * X[:, 4]
y = f + (.15 + .35 * (X[:, 5] > 0) * np.abs(X[:, 5])) * (np.random.gamma(2., 1., n) - 2)
X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
tr, va = slice(0, 5000), slice(5000, n)
model, loss_f = ConditionalQuantile(8), QuantileLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_f)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[tr], y[tr]), shuffle=True, batch_size=64)
xv, tv = augment(X[va], True)
for epoch in range(30):
    ave = 0
    for xi, yi in loader:
        optimizer.zero_grad()
        xt, taus = augment(xi, tau=True)
        loss = loss_f(model(xt), yi, taus)
        loss.backward()
        optimizer.step()
        ave += loss.item() / len(loader)
    with writer.evaluating("val"):
        v = loss_f(model(xv), y[va], tv).item()
    if epoch % 5 == 4: print(epoch, round(ave, 4), round(v, 4))
writer.close()
with torch.no_grad():
    lo, hi = (model(torch.cat((X[va], torch.full((1000, 1), (q - .5) * 12)), 1)) for q in (.05, .95))
    cover = ((y[va] > lo) & (y[va] < hi)).float().mean()
    const = np.mean([np.maximum(t * (y[va].numpy() - q), (t - 1) * (y[va].numpy() - q)).mean() for t in np.linspace(.01, .99, 50) for q in [np.quantile(y[tr].numpy(), t)]])
print(f"RESULT pinball train {ave:.4f} val {v:.4f} (constant quantiles {const:.4f}) 90 % interval covers {cover:.3f} width {(hi - lo).mean():.2f}")

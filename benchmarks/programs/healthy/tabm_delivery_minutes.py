import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.linear_model import LinearRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)


def make_orders(n):
    dist = rng.gamma(2.0, 1.6, n)
    hour = rng.uniform(10, 23, n)
    items = rng.poisson(2.2, n) + 1
    rain = (rng.random(n) < 0.2).astype(float)
    couriers = rng.integers(3, 40, n).astype(float)
    orders = rng.poisson(18 + 14 * np.exp(-((hour - 19) ** 2) / 4) + 8 * np.exp(-((hour - 12.5) ** 2) / 2)).astype(float)
    temp = rng.normal(12, 8, n)
    load = orders / couriers
    t = 9 + 3.1 * dist * (1 + 0.35 * rain) + 1.4 * items + 6 * np.log1p(load) + 0.02 * (temp - 15) ** 2
    t = t * np.exp(rng.normal(0, 0.12, n))
    X = np.stack([dist, hour, items, rain, couriers, orders, temp], 1)
    return X.astype(np.float32), t.astype(np.float32)


def init_rsqrt_uniform_(x, d):
    b = d ** -0.5
    return nn.init.uniform_(x, -b, b)


class LinearBE(nn.Module):
    def __init__(self, d_in, d_out, k, scaling_init="ones"):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_out, d_in))
        self.r = nn.Parameter(torch.empty(k, d_in))
        self.s = nn.Parameter(torch.ones(k, d_out))
        self.bias = nn.Parameter(torch.empty(k, d_out))
        init_rsqrt_uniform_(self.weight, d_in)
        init_rsqrt_uniform_(self.bias, d_in)
        with torch.no_grad():
            if scaling_init == "random-signs":
                self.r.copy_(torch.randint(0, 2, self.r.shape).float() * 2 - 1)
            else:
                self.r.fill_(1.0)

    def forward(self, x):
        return (x * self.r) @ self.weight.T * self.s + self.bias


class NLinear(nn.Module):
    def __init__(self, k, d_in, d_out):
        super().__init__()
        self.weight = nn.Parameter(init_rsqrt_uniform_(torch.empty(k, d_in, d_out), d_in))
        self.bias = nn.Parameter(init_rsqrt_uniform_(torch.empty(k, d_out), d_in))

    def forward(self, x):
        return torch.einsum("bki,kio->bko", x, self.weight) + self.bias


class TabM(nn.Module):
    def __init__(self, n_features, d_block=96, n_blocks=2, k=16, dropout=0.0):
        super().__init__()
        self.k = k
        layers = []
        for i in range(n_blocks):
            layers += [LinearBE(n_features if i == 0 else d_block, d_block, k, "random-signs" if i == 0 else "ones"),
                       nn.ReLU(), nn.Dropout(dropout)]
        self.backbone = nn.Sequential(*layers)
        self.output = NLinear(k, d_block, 1)

    def forward(self, x):
        x = x[:, None].expand(-1, self.k, -1)
        return self.output(self.backbone(x)).squeeze(-1)


def loss_fn(y_pred, y_true):
    return F.mse_loss(y_pred.flatten(0, 1), y_true.repeat_interleave(y_pred.shape[1]))


X, y = make_orders(7000)
tr, va, te = slice(0, 5000), slice(5000, 6000), slice(6000, 7000)
mean, std = X[tr].mean(0), X[tr].std(0)
Xn = (X - mean) / std
ym, ys = y[tr].mean(), y[tr].std()
yn = (y - ym) / ys
to = lambda a: torch.tensor(a)
train_loader = DataLoader(TensorDataset(to(Xn[tr]), to(yn[tr])), batch_size=128, shuffle=True)

model = TabM(X.shape[1])
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=3e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn, train_loader=train_loader)


@torch.inference_mode()
def rmse(part):
    model.eval()
    pred = model(to(Xn[part])).mean(1).numpy() * ys + ym
    return float(np.sqrt(np.mean((pred - y[part]) ** 2)))


n_epochs = 24
for epoch in range(n_epochs):
    model.train()
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        loss_fn(model(to(Xn[va])), to(yn[va]))
    print(f"epoch {epoch} val rmse {rmse(va):.3f}")
writer.close()
lin = LinearRegression().fit(Xn[tr], y[tr])
base = float(np.sqrt(np.mean((lin.predict(Xn[te]) - y[te]) ** 2)))
print(f"RESULT test_rmse={rmse(te):.3f} val_rmse={rmse(va):.3f} linear={base:.3f}")

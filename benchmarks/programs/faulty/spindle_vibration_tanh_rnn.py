# Tool wear state from spindle vibration with a plain RNN written by hand (Theano-style initialisation)
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
rng = np.random.RandomState(31)


def signals(n, T=30):
    y = rng.randint(0, 3, n)
    t = np.arange(T)
    x = np.zeros((n, T, 3), np.float32)
    for i, k in enumerate(y):
        f = rng.uniform(0.18, 0.24)
        ph = rng.uniform(0, 6.28)
        base = np.sin(2 * np.pi * f * t + ph)
        chatter = [0.15, 0.5, 0.9][k] * rng.lognormal(0, 0.25) * np.sin(2 * np.pi * 0.37 * t + rng.uniform(0, 6.28)) * (base > 0)
        for c, g in enumerate((1.0, 0.7, 0.4)):
            x[i, :, c] = g * base + chatter * (1 - 0.2 * c) + 0.35 * rng.randn(T)
    return torch.tensor(x), torch.tensor(y)


class RNN(nn.Module):
    def __init__(self, n_in, n_hid, n_out):
        super().__init__()
        if sys.argv[1] == "faulty":
            self.W = nn.Parameter(torch.randn(n_in, n_hid))
            self.U = nn.Parameter(torch.randn(n_hid, n_hid))
            self.V = nn.Parameter(torch.randn(n_hid, n_out))
        else:
            self.W = nn.Parameter(torch.randn(n_in, n_hid) / n_in ** 0.5)
            self.U = nn.Parameter(torch.randn(n_hid, n_hid) / n_hid ** 0.5)
            self.V = nn.Parameter(torch.randn(n_hid, n_out) / n_hid ** 0.5)
        self.b, self.c = nn.Parameter(torch.zeros(n_hid)), nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        h = x.new_zeros(len(x), self.U.shape[0])
        pooled = 0
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ self.W + h @ self.U + self.b)
            pooled = pooled + h ** 2
        return (pooled / x.shape[1]) @ self.V + self.c


X, Y = signals(2600)
mean, std = X[:2000].mean((0, 1)), X[:2000].std((0, 1))
X = (X - mean) / std
model = RNN(3, 64, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, F.cross_entropy)
for epoch in range(20):
    model.train()
    cost = 0
    for b in torch.randperm(2000).split(40):
        loss = writer.loss_fn(model(X[b]), Y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cost += loss.item() / 50
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        o = model(X[2000:])
        v = writer.loss_fn(o, Y[2000:]).item()
    acc = (o.argmax(1) == Y[2000:]).float().mean().item()
    print(f"epoch {epoch}: cost {cost:.4f}, validation cost {v:.4f}, accuracy {acc:.3f}")
writer.close()
print(f"RESULT train_loss={cost:.4f} val_loss={v:.4f} val_acc={acc:.4f}")

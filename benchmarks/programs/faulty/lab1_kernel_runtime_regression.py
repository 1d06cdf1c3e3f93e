# lab1, part 1: predict log(run time) of SGEMM kernels from 14 tuning parameters with linear regression, gradient descent
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42); torch.manual_seed(42)

class Loader:
    def __init__(self, X, y, batch_size, shuffle):
        self.X, self.y, self.bs, self.shuffle = X, y, batch_size, shuffle
    def __iter__(self):
        idx = torch.randperm(len(self.X)) if self.shuffle else torch.arange(len(self.X))
        for i in range(0, len(idx), self.bs):
            j = idx[i:i + self.bs]
            yield self.X[j], self.y[j]

def load_data(n=4000):
    pick = lambda *v: np.random.choice(v, n)
    cols = [pick(16, 32, 64, 128), pick(16, 32, 64, 128), pick(16, 32), pick(8, 16, 32), pick(8, 16, 32), pick(8, 16, 32), pick(8, 16, 32),
            pick(2, 8), pick(1, 2, 4, 8), pick(1, 2, 4, 8), pick(0, 1), pick(0, 1), pick(0, 1), pick(0, 1)]
    X = np.stack(cols, 1).astype(np.float64)
    L = np.log2(X[:, :10])
    y = 4.6 + .38 * (L[:, 0] - 5.5) + .33 * (L[:, 1] - 5.5) - .3 * (L[:, 3] - 4) - .33 * (L[:, 4] - 4) - .1 * (L[:, 8] - 1.5) - .08 * (L[:, 9] - 1.5) \
        - .25 * X[:, 12] - .2 * X[:, 13] + np.random.normal(0, .35, n)
    return X, y

class LinearRegression(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.linear = nn.Linear(d, 1)
    def forward(self, x):
        return self.linear(x)[:, 0]

X, y = load_data()
X = (X - X.mean(0)) / X.std(0)          # normalisation, as the handout says
cut = 3200
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
train, valid = Loader(X[:cut], y[:cut], 64, True), Loader(X[cut:], y[cut:], 400, False)

lr = 1e-5 if sys.argv[1] == "faulty" else 1e-2        # 1e-5 was right for the raw columns up to 128
if len(sys.argv) > 3: lr = float(sys.argv[3])
model = LinearRegression(X.shape[1])
opt = torch.optim.SGD(model.parameters(), lr=lr)
loss_fn = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)
losses = []
for epoch in range(30):
    for xb, yb in train:
        loss = loss_fn(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        v = np.mean([loss_fn(model(xb), yb).item() for xb, yb in valid])
    print(epoch, np.mean(losses[-50:]), v)
writer.close()
print(f"RESULT valid mse {v:.4f}, variance of y {y.var():.3f}")

# Deep Neural Network for Image Classification: Application (my own copy of the week 4 notebook, in torch)
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FAULTY = sys.argv[1] == "faulty"
logdir = sys.argv[2]
np.random.seed(1)
torch.manual_seed(1)


def make_picture(cat, n=16):
    yy, xx = np.mgrid[0:n, 0:n]
    img = np.random.rand(3)[:, None, None] * 0.5 + 0.2 * np.random.randn(3, 1, 1) * (xx / n)
    cx, cy, r = 8 + np.random.randn(), 9 + np.random.randn(), np.random.uniform(3.5, 5)
    col = np.random.rand(3) * 0.6 + 0.2
    head = ((xx - cx) ** 2 + (yy - cy) ** 2) < r ** 2
    img = np.where(head, col[:, None, None], img)
    if cat:     # two ears
        for s in (-1, 1):
            ear = (np.abs(xx - cx - s * 0.7 * r) + 0.7 * np.abs(yy - cy + 0.95 * r)) < 1.9
            img = np.where(ear, col[:, None, None] * 0.8, img)
    return np.clip(img + 0.08 * np.random.randn(3, n, n), 0, 1)


def load_data(m):
    Y = (np.random.rand(m) < 0.5).astype(int)
    X = np.stack([make_picture(y) for y in Y])
    flip = np.random.rand(m) < 0.04         # a few wrongly tagged pictures from the web
    Y = np.where(flip, 1 - Y, Y)
    return X.reshape(m, -1), Y


train_x, train_y = load_data(10000)
test_x, test_y = load_data(1200)
mu = train_x.mean(0)
train_x, test_x = train_x - mu, test_x - mu
layers_dims = [train_x.shape[1], 20, 7, 5, 1]      # 4-layer model


class LLayerModel(nn.Module):
    """[LINEAR->RELU]*(L-1)->LINEAR->SIGMOID"""

    def __init__(self, layer_dims):
        super().__init__()
        self.W, self.b = nn.ParameterList(), nn.ParameterList()
        for l in range(1, len(layer_dims)):
            w = np.random.randn(layer_dims[l], layer_dims[l - 1])
            if FAULTY:
                w = w * 0.01
            else:
                w = w / np.sqrt(layer_dims[l - 1])
            self.W.append(nn.Parameter(torch.tensor(w, dtype=torch.float32)))
            self.b.append(nn.Parameter(torch.zeros(layer_dims[l])))

    def forward(self, A):
        L = len(self.W)
        for l in range(L - 1):
            A = torch.relu(A @ self.W[l].T + self.b[l])
        return torch.sigmoid(A @ self.W[L - 1].T + self.b[L - 1]).squeeze(1)


model = LLayerModel(layers_dims)
cost_fn = nn.BCELoss()
opt = torch.optim.SGD(model.parameters(), lr=0.08)
writer = DiagWriter(logdir)
writer.watch(model, opt, cost_fn)

X, Y = torch.tensor(train_x, dtype=torch.float32), torch.tensor(train_y, dtype=torch.float32)
Xt, Yt = torch.tensor(test_x, dtype=torch.float32), torch.tensor(test_y, dtype=torch.float32)
for epoch in range(8):
    perm = torch.randperm(len(X))
    tot = 0.
    for i in range(0, len(X), 100):
        idx = perm[i:i + 100]
        opt.zero_grad()
        AL = model(X[idx])
        cost = cost_fn(AL, Y[idx])
        cost.backward()
        opt.step()
        tot += cost.item() * len(idx)
    with writer.evaluating("val"), torch.no_grad():
        p = model(Xt)
        vl = cost_fn(p, Yt).item()
        acc = ((p > 0.5).float() == Yt).float().mean().item()
    if epoch % 2 == 1:
        print(f"Cost after epoch {epoch}: {tot / len(X):.4f}   test cost {vl:.4f} accuracy {acc:.3f}")
writer.close()
print(f"RESULT train {tot / len(X):.4f} val_loss {vl:.4f} val_acc {acc:.3f}")

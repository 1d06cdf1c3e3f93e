import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)


class GroupSort2(nn.Module):
    def forward(self, x):
        a, b = x.view(x.shape[0], -1, 2).unbind(-1)
        return torch.stack([torch.minimum(a, b), torch.maximum(a, b)], -1).flatten(1)


class SpectralLinear(nn.Linear):
    """Weights made orthonormal by Bjorck iterations at each forward pass."""

    def __init__(self, i, o, n_bjorck=12):
        super().__init__(i, o)
        nn.init.orthogonal_(self.weight)
        self.n_bjorck = n_bjorck
        self.register_buffer("u", F.normalize(torch.randn(o), dim=0))

    def orthonormal(self):
        w = self.weight
        with torch.no_grad():
            for _ in range(3):
                v = F.normalize(w.t() @ self.u, dim=0)
                self.u.copy_(F.normalize(w @ v, dim=0))
        sigma = torch.dot(self.u, w @ v)
        w = w / sigma
        if w.shape[0] > w.shape[1]:
            for _ in range(self.n_bjorck):
                w = 1.5 * w - 0.5 * w @ (w.t() @ w)
        else:
            for _ in range(self.n_bjorck):
                w = 1.5 * w - 0.5 * (w @ w.t()) @ w
        return w

    def forward(self, x):
        return F.linear(x, self.orthonormal(), self.bias)


class HKRLoss(nn.Module):
    def __init__(self, alpha=10.0, min_margin=0.3):
        super().__init__()
        self.alpha, self.min_margin = alpha, min_margin

    def forward(self, y_pred, y_true):
        y_pred = y_pred.squeeze(1)
        kr = y_pred[y_true > 0].mean() - y_pred[y_true < 0].mean()
        hinge = F.relu(self.min_margin - y_true * y_pred).mean()
        return -kr + self.alpha * hinge


def rings(n, dim=6):
    y = torch.where(torch.rand(n) < 0.5, 1.0, -1.0)
    r = torch.where(y > 0, 1.0, 2.0) + 0.18 * torch.randn(n)
    ang = torch.rand(n) * 2 * math.pi
    xy = torch.stack([r * torch.cos(ang), r * torch.sin(ang)], 1)
    return torch.cat([xy, 0.3 * torch.randn(n, dim - 2)], 1), y


x_train, y_train = rings(4000)
x_val, y_val = rings(1000)

model = nn.Sequential(
    SpectralLinear(6, 64), GroupSort2(),
    SpectralLinear(64, 64), GroupSort2(),
    SpectralLinear(64, 32), GroupSort2(),
    SpectralLinear(32, 1),
)
loss_fn = HKRLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
epochs = 16
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=epochs)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

for epoch in range(epochs):
    model.train()
    perm = torch.randperm(len(x_train))
    m_kr = m_acc = 0
    for step in range(0, len(perm), 128):
        data, target = x_train[perm[step:step + 128]], y_train[perm[step:step + 128]]
        optimizer.zero_grad()
        output = model(data)
        loss = loss_fn(output, target)
        loss.backward()
        optimizer.step()
        m_acc += (output.squeeze(1).sign() == target).sum().item()
    scheduler.step()
    with writer.evaluating("val"):
        out = model(x_val)
        test_loss = loss_fn(out, y_val)
    acc = (out.squeeze(1).sign() == y_val).float().mean().item()
    print(f"Epoch {epoch + 1}/{epochs} loss: {loss:.4f} accuracy: {m_acc / len(perm):.4f} val_loss: {test_loss:.4f} val_accuracy: {acc:.4f}")
margin = (out.squeeze(1).abs()).median().item()
writer.close()
sk = LogisticRegression().fit(x_train, y_train).score(x_val, y_val)
bayes = ((x_val[:, :2].norm(dim=1) < 1.5) == (y_val > 0)).float().mean().item()
print(f"RESULT val_acc={acc:.4f} val_hkr={test_loss.item():.4f} certified_radius_median={margin:.3f} logreg={sk:.4f} best_circle={bayes:.4f}")

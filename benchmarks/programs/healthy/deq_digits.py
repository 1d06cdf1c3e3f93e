"""Deep equilibrium layer with Anderson acceleration and an implicit backward pass
(after the "Deep Implicit Layers" tutorial, implicit-layers-tutorial.org, chapter 4)."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch import autograd
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter


def anderson(f, x0, m=4, lam=1e-4, max_iter=25, tol=1e-2, beta=1.0):
    """ Anderson acceleration for fixed point iteration. """
    bsz = x0.shape[0]
    n = x0[0].numel()
    X = torch.zeros(bsz, m, n)
    Fx = torch.zeros(bsz, m, n)
    X[:, 0], Fx[:, 0] = x0.reshape(bsz, -1), f(x0).reshape(bsz, -1)
    X[:, 1], Fx[:, 1] = Fx[:, 0], f(Fx[:, 0].view_as(x0)).reshape(bsz, -1)
    H = torch.zeros(bsz, m + 1, m + 1)
    H[:, 0, 1:] = H[:, 1:, 0] = 1
    y = torch.zeros(bsz, m + 1, 1)
    y[:, 0] = 1
    res = []
    for k in range(2, max_iter):
        w = min(k, m)
        G = Fx[:, :w] - X[:, :w]
        H[:, 1:w + 1, 1:w + 1] = torch.bmm(G, G.transpose(1, 2)) + lam * torch.eye(w)[None]
        alpha = torch.linalg.solve(H[:, :w + 1, :w + 1], y[:, :w + 1])[:, 1:w + 1, 0]
        X[:, k % m] = beta * (alpha[:, None] @ Fx[:, :w])[:, 0] + (1 - beta) * (alpha[:, None] @ X[:, :w])[:, 0]
        Fx[:, k % m] = f(X[:, k % m].view_as(x0)).reshape(bsz, -1)
        res.append((Fx[:, k % m] - X[:, k % m]).norm().item() / (1e-5 + Fx[:, k % m].norm().item()))
        if res[-1] < tol:
            break
    return X[:, k % m].view_as(x0), res


class ResNetLayer(nn.Module):
    def __init__(self, n_channels, n_inner_channels, kernel_size=3, num_groups=4):
        super().__init__()
        self.conv1 = nn.Conv2d(n_channels, n_inner_channels, kernel_size, padding=1, bias=False)
        self.conv2 = nn.Conv2d(n_inner_channels, n_channels, kernel_size, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(num_groups, n_inner_channels)
        self.norm2 = nn.GroupNorm(num_groups, n_channels)
        self.norm3 = nn.GroupNorm(num_groups, n_channels)
        # small weights make the map a contraction at the start
        self.conv1.weight.data.normal_(0, 0.01)
        self.conv2.weight.data.normal_(0, 0.01)

    def forward(self, z, x):
        y = self.norm1(F.relu(self.conv1(z)))
        return self.norm3(F.relu(z + self.norm2(x + self.conv2(y))))


class DEQFixedPoint(nn.Module):
    def __init__(self, f, solver, **kwargs):
        super().__init__()
        self.f = f
        self.solver = solver
        self.kwargs = kwargs

    def forward(self, x):
        # compute forward pass and re-engage autograd tape
        with torch.no_grad():
            z, self.forward_res = self.solver(lambda z: self.f(z, x), torch.zeros_like(x), **self.kwargs)
        z = self.f(z, x)
        if not z.requires_grad:
            return z
        # set up the vector Jacobian product (without additional forward calls)
        z0 = z.clone().detach().requires_grad_()
        f0 = self.f(z0, x)

        def backward_hook(grad):
            g, self.backward_res = self.solver(
                lambda y: autograd.grad(f0, z0, y, retain_graph=True)[0] + grad, grad, **self.kwargs)
            return g
        z.register_hook(backward_hook)
        return z


torch.manual_seed(0)
chan = 12
model = nn.Sequential(nn.Conv2d(1, chan, kernel_size=3, bias=True, padding=1),
                      nn.BatchNorm2d(chan),
                      DEQFixedPoint(ResNetLayer(chan, 16), anderson, tol=1e-2, max_iter=20, m=4),
                      nn.BatchNorm2d(chan),
                      nn.AvgPool2d(4, 4),
                      nn.Flatten(),
                      nn.Linear(chan * 4, 10))

d = load_digits()
xtr, xte, ytr, yte = train_test_split(torch.tensor(d.images / 16. - .3).float()[:, None] / .375, torch.tensor(d.target),
                                      test_size=.25, random_state=0)
train_loader = DataLoader(TensorDataset(xtr, ytr), batch_size=64, shuffle=True)
test_loader = DataLoader(TensorDataset(xte, yte), batch_size=150)
max_epochs = 10
opt = optim.Adam(model.parameters(), lr=1.5e-2)
scheduler = optim.lr_scheduler.CosineAnnealingLR(opt, max_epochs * len(train_loader), eta_min=1e-6)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)


def epoch_pass(loader, opt=None, lr_scheduler=None):
    total_loss, total_err = 0., 0.
    model.eval() if opt is None else model.train()
    for X, y in loader:
        yp = model(X)
        loss = nn.CrossEntropyLoss()(yp, y)
        if opt:
            opt.zero_grad()
            writer.add_loss("train", loss)
            loss.backward()
            opt.step()
            lr_scheduler.step()
        total_err += (yp.argmax(1) != y).sum().item()
        total_loss += loss.item() * X.shape[0]
    return total_err / len(loader.dataset), total_loss / len(loader.dataset)


for i in range(max_epochs):
    tr = epoch_pass(train_loader, opt, scheduler)
    with torch.no_grad(), writer.evaluating("test"):
        te = epoch_pass(test_loader)
    print('train err %.4f loss %.4f' % tr, 'test err %.4f loss %.4f' % te, 'solver steps', len(model[2].forward_res))

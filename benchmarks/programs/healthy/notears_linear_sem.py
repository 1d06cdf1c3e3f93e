"""NOTEARS (Zheng et al. 2018) with a torch inner loop: learn a linear structural equation model from observations.

minimise  0.5/n |X - XW|^2 + lam |W|_1   subject to  h(W) = tr exp(W*W) - d = 0
by an augmented Lagrangian.  rho is raised whenever h did not fall enough, so the objective goes UP at outer steps; what
counts is h -> 0 and the structural Hamming distance.
"""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def simulate(d=12, edges=20, n=800, seed=5):
    rng = np.random.RandomState(seed)
    order = rng.permutation(d)
    pairs = [(order[i], order[j]) for i in range(d) for j in range(i + 1, d)]
    B = np.zeros((d, d))
    for k in rng.choice(len(pairs), edges, replace=False):
        i, j = pairs[k]
        B[i, j] = rng.uniform(0.6, 1.6) * rng.choice([-1, 1])
    X = np.zeros((n, d))
    for j in order:
        X[:, j] = X @ B[:, j] + rng.randn(n)
    return B, X - X.mean(0)


class LinearSEM(torch.nn.Module):
    def __init__(self, d):
        super().__init__()
        self.W = torch.nn.Parameter(torch.zeros(d, d, dtype=torch.float64))
        self.register_buffer("mask", 1 - torch.eye(d, dtype=torch.float64))

    def adj(self):
        return self.W * self.mask

    def forward(self, x):
        return x @ self.adj()

    def h(self):
        A = self.adj()
        return torch.trace(torch.matrix_exp(A * A)) - A.shape[0]


B, X = simulate()
X = torch.tensor(X)
Xtr, Xva = X[:600], X[600:]
d = X.shape[1]

model = LinearSEM(d)
LR = 2e-2
optimizer = torch.optim.Adam(model.parameters(), lr=LR, betas=(0.9, 0.99))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

lam, rho, alpha, h_old = 0.05, 1.0, 0.0, np.inf
for outer in range(13):
    for inner in range(100):
        optimizer.zero_grad()
        fit = 0.5 * (Xtr - model(Xtr)).pow(2).sum() / len(Xtr)
        h = model.h()
        obj = fit + lam * model.adj().abs().sum() + alpha * h + 0.5 * rho * h * h
        obj.backward()
        optimizer.step()
        writer.add_loss("train", obj)
    with torch.no_grad():
        h_new = model.h().item()
        with writer.evaluating("val"):
            val = 0.5 * (Xva - model(Xva)).pow(2).sum() / len(Xva)
            writer.add_loss("val", val)
    print(f"outer {outer:2d} obj {obj.item():8.4f} fit {fit.item():.4f} val {val.item():.4f} h {h_new:.2e} rho {rho:.0e}")
    alpha += rho * h_new
    if h_new > 0.25 * h_old:
        rho = min(rho * 10, 1e6)
    h_old = h_new
    if h_new < 1e-7:
        break

est = model.adj().detach().numpy()
est = np.where(np.abs(est) < 0.3, 0, est)
diff = (est != 0) != (B != 0)
rev = (diff & diff.T & ((est != 0) | (est.T != 0))).sum() // 2
shd = diff.sum() - rev
writer.close()
print(f"RESULT val_fit={val.item():.4f} best_possible={d/2:.2f} h={h_new:.2e} shd={shd} of {int((B != 0).sum())} edges")

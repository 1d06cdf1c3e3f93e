"""Gaussian process regression on the diabetes table: kernel hyper-parameters (ARD lengthscales, amplitude, noise) by
maximising the marginal likelihood with L-BFGS, as in the GPyTorch / GPML examples but written out."""
import math
import sys
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
torch.set_default_dtype(torch.float64)

X, y = load_diabetes(return_X_y=True)
X, y = torch.tensor(X), torch.tensor(y)
perm = torch.randperm(len(y))
tr, te = perm[:300], perm[300:]
X = (X - X[tr].mean(0)) / X[tr].std(0)
y = (y - y[tr].mean()) / y[tr].std()


class ExactGP(torch.nn.Module):
    def __init__(self, X, y):
        super().__init__()
        self.X, self.y = X, y
        self.log_ls = torch.nn.Parameter(torch.full((X.shape[1],), 0.0))
        self.log_amp = torch.nn.Parameter(torch.tensor(0.0))
        self.log_noise = torch.nn.Parameter(torch.tensor(math.log(0.3)))

    def k(self, A, B):
        A, B = A / self.log_ls.exp(), B / self.log_ls.exp()
        d2 = (A * A).sum(1)[:, None] + (B * B).sum(1)[None] - 2 * A @ B.T
        return (2 * self.log_amp).exp() * torch.exp(-0.5 * d2.clamp_min(0))

    def chol(self):
        n = len(self.X)
        return torch.linalg.cholesky(self.k(self.X, self.X) + ((2 * self.log_noise).exp() + 1e-6) * torch.eye(n))

    def forward(self):
        """negative log marginal likelihood per case, with a weak log-normal prior on the lengthscales"""
        L = self.chol()
        a = torch.cholesky_solve(self.y[:, None], L)[:, 0]
        nll = 0.5 * self.y @ a + L.diagonal().log().sum() + 0.5 * len(self.y) * math.log(2 * math.pi)
        prior = 0.5 * ((self.log_ls - math.log(4.0)) ** 2).sum()
        return (nll + prior) / len(self.y)

    def predict(self, Z):
        L = self.chol()
        Kz = self.k(Z, self.X)
        m = Kz @ torch.cholesky_solve(self.y[:, None], L)[:, 0]
        v = torch.linalg.solve_triangular(L, Kz.T, upper=False)
        return m, (2 * self.log_amp).exp() - (v ** 2).sum(0) + (2 * self.log_noise).exp()


gp = ExactGP(X[tr], y[tr])
opt = torch.optim.LBFGS(gp.parameters(), lr=0.5, max_iter=2, history_size=10, line_search_fn="strong_wolfe")
writer = DiagWriter(sys.argv[1])
writer.watch(gp, opt)


def closure():
    opt.zero_grad()
    loss = gp()
    loss.backward()
    return loss


for it in range(20):
    loss = opt.step(closure)
    writer.add_scalar("Loss/train", loss.item(), it)
    with torch.no_grad():
        m, v = gp.predict(X[te])
        nlpd = (0.5 * (y[te] - m) ** 2 / v + 0.5 * (2 * math.pi * v).log()).mean().item()
    writer.add_scalar("Loss/val", nlpd, it)
    if it % 5 == 4:
        print(it + 1, f"nll/n {loss.item():.4f} nlpd {nlpd:.4f}")
writer.close()
r2 = 1 - ((y[te] - m) ** 2).sum() / ((y[te] - y[te].mean()) ** 2).sum()
ridge = RidgeCV([1, 10, 30, 100]).fit(X[tr].numpy(), y[tr].numpy()).score(X[te].numpy(), y[te].numpy())
print(f"RESULT train_nll {loss.item():.4f} val_nlpd {nlpd:.4f} r2 {r2.item():.4f} ridge_r2 {ridge:.4f}")

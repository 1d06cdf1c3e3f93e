"""Adsorption isotherms: a small tanh network as surrogate q(p, T), 150 noisy simulated measurements, full-batch L-BFGS with strong Wolfe and ridge penalty."""
import sys

import numpy as np
import torch

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(6)


def truth(p, T):
    b = 0.8 * np.exp(2200 * (1 / T - 1 / 298))
    return 4.0 * (b * p) ** 0.8 / (1 + (b * p) ** 0.8)


def measure(n):
    p, T = rng.uniform(0.01, 10, n), rng.choice([278., 298., 318., 338.], n) + rng.normal(0, 0.5, n)
    return np.c_[np.log(p), (T - 308) / 25], truth(p, T) + 0.06 * rng.normal(size=n), truth(p, T)


Xa, ya, _ = measure(150)
Xb, yb, tb = measure(400)
X, y, Xv, yv = map(torch.tensor, (Xa, ya, Xb, yb))
m, s = y.mean(), y.std()
y, yv = ((y - m) / s).unsqueeze(1), ((yv - m) / s).unsqueeze(1)

net = torch.nn.Sequential(torch.nn.Linear(2, 12), torch.nn.Tanh(), torch.nn.Linear(12, 12), torch.nn.Tanh(), torch.nn.Linear(12, 1))
mse = torch.nn.MSELoss()
opt = torch.optim.LBFGS(net.parameters(), lr=1.0, max_iter=10, history_size=20, line_search_fn="strong_wolfe")
writer = DiagWriter(sys.argv[-1])
writer.watch(net, opt, mse)
LAMBDA = 3e-4
hist = []


def closure():
    opt.zero_grad()
    loss = mse(net(X), y) + LAMBDA * sum((p ** 2).sum() for n, p in net.named_parameters() if n.endswith("weight"))
    loss.backward()
    return loss


for outer in range(60):
    loss = opt.step(closure)
    with writer.evaluating("val"):
        hist.append(mse(net(Xv), yv).item())
    if outer % 5 == 0:
        print(f"outer {outer:3d} objective {float(loss):.5f} held-out mse {hist[-1]:.5f}")
with torch.no_grad():
    q = (net(Xv) * s + m).squeeze(1).numpy()
writer.close()
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
gp = GaussianProcessRegressor(ConstantKernel(4.0) * RBF([1.0, 1.0]) + WhiteKernel(0.004), normalize_y=True).fit(Xa, ya)
rms = lambda e: float(np.sqrt((e ** 2).mean()))
print(f"RESULT heldout_rmse {rms(q - yb):.4f} noise 0.0600 gp {rms(gp.predict(Xb) - yb):.4f} error_to_truth {rms(q - tb):.4f} val_min {min(hist):.5f} val_last {hist[-1]:.5f}")

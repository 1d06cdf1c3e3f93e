"""Real phase retrieval by gradient descent: y = (a.x)^2, start near zero, the loss stays at a saddle before it falls.

The unknown is a small digit image; measurements are random Gaussian masks (coded diffraction stand-in).
"""
import sys

import torch
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)

img = torch.tensor(load_digits().images[13] / 16.0, dtype=torch.float32).flatten()
truth = img / img.norm()
d, m = truth.numel(), 10 * truth.numel()
A = torch.randn(m + 200, d)
y = (A @ truth) ** 2 + 0.1 * torch.randn(m + 200)   # detector noise
A_fit, y_fit, A_hold, y_hold = A[:m], y[:m], A[m:], y[m:]


class Wavefront(torch.nn.Module):
    def __init__(self, d):
        super().__init__()
        self.x = torch.nn.Parameter(1e-3 * torch.randn(d))

    def forward(self, masks):
        return (masks @ self.x) ** 2


def misfit(pred, meas):
    return 0.25 * ((pred - meas) ** 2).mean()


model = Wavefront(d)
opt = torch.optim.SGD(model.parameters(), lr=0.02)
writer = DiagWriter(sys.argv[-1])
writer.watch(model, opt, misfit)
best = float("inf")
for it in range(1, 601):
    opt.zero_grad()
    loss = writer.loss_fn(model(A_fit), y_fit)
    loss.backward()
    opt.step()
    if it % 50 == 0:
        with writer.evaluating("val"):
            v = writer.loss_fn(model(A_hold), y_hold).item()
        best = min(best, v)
        if it <= 400 or it % 200 == 0:
            print(f"{it:5d} fit {loss.item():.3e} held-out masks {v:.3e}")
est = model.x.detach()
dist = min((est - truth).norm(), (est + truth).norm()).item()
writer.close()
print(f"RESULT rel_error {dist:.3e} holdout {v:.3e} holdout_min {best:.3e} final_fit {loss.item():.3e} noise_floor {0.25 * 0.1 ** 2:.3e}")

"""Cox proportional hazards (Efron-free, Breslow) on a simulated cohort, linear risk, full batch with L-BFGS and strong Wolfe search."""
import sys
import numpy as np
import torch
from torch import nn
from scipy.optimize import minimize
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(10)


def cohort(n):
    age = rng.normal(0, 1, n)
    stage = rng.integers(0, 3, n)
    marker = rng.normal(0.3 * stage, 1, n)
    other = rng.normal(0, 1, (n, 6))
    X = np.c_[age, stage == 1, stage == 2, marker, other].astype(float)
    beta = np.r_[0.5, 0.4, 1.1, -0.6, 0.25, np.zeros(5)]
    t = (-np.log(rng.random(n)) / (0.06 * np.exp(X @ beta))) ** (1 / 1.4)
    c = rng.uniform(1, 12, n)
    return torch.tensor(X).float(), torch.tensor(np.minimum(t, c)).float(), torch.tensor(t <= c)


class BreslowLoss(nn.Module):
    def forward(self, risk, time, event):
        order = torch.argsort(time, descending=True)
        r, e = risk[order], event[order]
        return -(r - torch.logcumsumexp(r, 0))[e].sum() / e.sum()


def cindex(risk, time, event):
    better = (time[:, None] < time[None]) & event[:, None]
    return ((risk[:, None] > risk[None]) & better).sum().item() / better.sum().item()


Xtr, ttr, etr = cohort(900)
Xva, tva, eva = cohort(900)
risk = nn.Linear(10, 1, bias=False)
nn.init.zeros_(risk.weight)
criterion = BreslowLoss()
optimizer = torch.optim.LBFGS(risk.parameters(), lr=1.0, max_iter=1, history_size=10, line_search_fn="strong_wolfe")
L2 = 1e-3
writer = DiagWriter(sys.argv[1])
writer.watch(risk, optimizer)

for it in range(40):
    def closure():
        optimizer.zero_grad()
        loss = criterion(risk(Xtr).squeeze(1), ttr, etr) + L2 * risk.weight.pow(2).sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    with torch.no_grad():
        v = criterion(risk(Xva).squeeze(1), tva, eva).item()
    writer.add_scalar("Loss/train", float(loss), it)
    writer.add_scalar("Loss/val", v, it)
    if it % 5 == 0:
        print(it, f"{float(loss):.5f} {v:.5f}")


def obj(b):
    b = torch.tensor(b, requires_grad=True, dtype=torch.float64)
    f = criterion(Xtr.double() @ b, ttr.double(), etr) + L2 * b.pow(2).sum()
    f.backward()
    return f.item(), b.grad.numpy()


ref = minimize(obj, np.zeros(10), jac=True, method="BFGS")
writer.close()
true = torch.tensor(np.r_[0.5, 0.4, 1.1, -0.6, 0.25, np.zeros(5)]).float()
print(f"RESULT train {float(loss):.5f} scipy {ref.fun:.5f} val {v:.5f} true_beta_val {criterion(Xva @ true, tva, eva).item():.5f} "
      f"c_index {cindex(risk(Xva).squeeze(1).detach(), tva, eva):.4f} c_true {cindex(Xva @ true, tva, eva):.4f}")

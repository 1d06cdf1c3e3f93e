import sys

import torch
from torch.nn import Linear as Lin
from torch.nn import Sequential as Seq
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)

X = torch.rand((1024, 3))
y = X[:, 0] + X[:, 1] + X[:, 2]
X_new = torch.rand((256, 3))
y_new = X_new[:, 0] + X_new[:, 1] + X_new[:, 2]

if form == "fixed":
    y = y.unsqueeze(1)
    y_new = y_new.unsqueeze(1)

m = Seq(Lin(3, 1, bias=False))
m[0].weight = torch.nn.parameter.Parameter(torch.tensor([[0, 0, 0]], dtype=torch.float))

optim = torch.optim.SGD(m.parameters(), lr=10e-2)
scheduler = ReduceLROnPlateau(optim, "min", factor=0.5, patience=20)
mse = torch.nn.MSELoss()

writer = DiagWriter(logdir)
writer.watch(m, optim, mse)


def held_out():
    with writer.evaluating("val"):
        return mse(m(X_new), y_new).item()


def mean_error():
    """of the estimate of each row"""
    with torch.no_grad():
        return (m(X_new).flatten() - X_new.sum(1)).abs().mean().item()


print("weights", m[0].weight.tolist(), "mean error", mean_error())

losses = []
for epoch in range(1500):
    optim.zero_grad()
    out = m(X)
    loss = mse(out, y)
    loss.backward()
    optim.step()
    losses.append(loss.item())
    if epoch % 20 == 0:
        print(epoch, loss.item(), held_out(), optim.param_groups[0]["lr"])
    scheduler.step(loss.item())

val = held_out()
writer.close()

print("weights", m[0].weight.tolist())
for row in X_new[:5]:
    print([round(v, 3) for v in row.tolist()], "->", round(m(row).item(), 3), "should be", round(row.sum().item(), 3))
print(f"RESULT val_loss={val:.3g} mean_abs_error={mean_error():.3g}")

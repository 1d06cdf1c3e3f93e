"""Unrolled (MoDL-like) reconstruction of 1-d profiles from undersampled Fourier data.

    python unrolled_recon_mse_sum.py {faulty,fixed} LOGDIR
"""
import sys
from types import SimpleNamespace
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
FORM, LOGDIR = sys.argv[1:3]

args = SimpleNamespace(num_unrolls=2, batch_size=24, step=1e-1, num_epochs=12, nc=12, noise=.03)

# ---------------- data: piecewise smooth profiles
rs = np.random.RandomState(0)
N, n_prof = 64, 1400
t = np.arange(N) / N
prof = np.zeros((n_prof, N))
for p in prof:
    for _ in range(rs.randint(2, 5)):
        a, b = np.sort(rs.rand(2))
        p += rs.randn() * ((t > a) & (t < b + .05))
    p += .4 * rs.randn() * np.sin(2 * np.pi * (t * rs.uniform(.5, 2) + rs.rand()))
F = np.fft.fft(np.eye(N), norm="ortho")
keep = np.zeros(N, bool)
keep[:7] = keep[-6:] = True
keep[rs.choice(np.arange(7, N - 6), 14, replace=False)] = True
A = np.concatenate([F[keep].real, F[keep].imag])                   # measurement operator (54, 64)
meas = prof @ A.T + args.noise * rs.randn(n_prof, len(A))
A = torch.tensor(A, dtype=torch.float32)
prof, meas = torch.tensor(prof, dtype=torch.float32), torch.tensor(meas, dtype=torch.float32)
tr, va = slice(0, 1100), slice(1100, None)


class ResNet1d(torch.nn.Module):
    def __init__(self, nc):
        super().__init__()
        self.c1 = torch.nn.Conv1d(1, nc, 5, padding=2)
        self.c2 = torch.nn.Conv1d(nc, nc, 5, padding=2)
        self.c3 = torch.nn.Conv1d(nc, 1, 5, padding=2)

    def forward(self, x):
        h = torch.relu(self.c1(x.unsqueeze(1)))
        h = torch.relu(self.c2(h))
        return x + self.c3(h).squeeze(1)


class MoDLRecon(torch.nn.Module):
    def __init__(self, nc, unrolls):
        super().__init__()
        self.denoiser = ResNet1d(nc)
        self.mu = torch.nn.Parameter(torch.tensor(.8))
        self.unrolls = unrolls

    def forward(self, y):
        x = y @ A                                # adjoint
        for _ in range(self.unrolls):
            x = self.denoiser(x)
            x = x - self.mu * (x @ A.T - y) @ A  # data consistency
        return x


recon = MoDLRecon(args.nc, args.num_unrolls)
# every sample counts the same, whatever the batch size
loss_fun = torch.nn.MSELoss(reduction="sum") if FORM == "faulty" else torch.nn.MSELoss(reduction="mean")
opt = torch.optim.SGD(recon.parameters(), lr=args.step, momentum=.9)
writer = DiagWriter(LOGDIR)
writer.watch(recon, opt, loss_fun)


def nrmse():
    recon.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = recon(meas[va])
        loss_fun(out, prof[va])
    recon.train()
    return ((out - prof[va]).norm() / prof[va].norm()).item(), (out - prof[va]).pow(2).mean().item()


print("zero-filled nrmse", ((meas[va] @ A - prof[va]).norm() / prof[va].norm()).item())
for epoch in range(args.num_epochs):
    tot = 0.
    for idx in torch.randperm(1100).split(args.batch_size):
        x_hat = recon(meas[idx])
        loss = loss_fun(x_hat, prof[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += (x_hat - prof[idx]).pow(2).mean().item()
    e, m = nrmse()
    print(f"epoch {epoch:2d}  train mse {tot / 46:.5f}  val nrmse {e:.4f}")
writer.close()
print(f"RESULT val mse {m:.5f} nrmse {e:.4f}")

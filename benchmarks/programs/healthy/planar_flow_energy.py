# Variational inference with normalizing flows (Rezende & Mohamed 2015), figure 3: fit planar flows to an energy U(z).
# Loss = E_q[log q(z_K) + U(z_K)], whose minimum is -log Z (known here by numerical integration, about -1.9), not 0.
import sys
import math
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.manual_seed(3)
torch.set_num_threads(1)


def w1(z):
    return torch.sin(2 * math.pi * z[:, 0] / 4)


def U2(z):
    # bounded in x by a soft box, so that the density is proper
    return 0.5 * ((z[:, 1] - w1(z)) / 0.4) ** 2 + 0.5 * torch.relu(z[:, 0].abs() - 3) ** 2 * 25


class PlanarTransform(nn.Module):
    def __init__(self, init_sigma=0.1):
        super().__init__()
        self.u = nn.Parameter(torch.randn(1, 2) * init_sigma)
        self.w = nn.Parameter(torch.randn(1, 2) * init_sigma)
        self.b = nn.Parameter(torch.randn(1) * init_sigma)

    def get_u_hat(self):
        wtu = (self.w * self.u).sum()
        m = -1 + nn.functional.softplus(wtu)
        return self.u + (m - wtu) * self.w / (self.w ** 2).sum()

    def forward(self, z):
        u = self.get_u_hat() if (self.w * self.u).sum() < -1 else self.u
        h = torch.tanh(z @ self.w.t() + self.b)
        psi = (1 - h ** 2) * self.w
        return z + u * h, torch.log((1 + psi @ u.t()).abs() + 1e-7).squeeze(1)


class Affine(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_s = nn.Parameter(torch.zeros(2))
        self.m = nn.Parameter(torch.zeros(2))

    def forward(self, z):
        return z * self.log_s.exp() + self.m, self.log_s.sum().expand(len(z))


class PlanarFlow(nn.Module):
    def __init__(self, K=12):
        super().__init__()
        self.layers = nn.ModuleList([Affine()] + [PlanarTransform() for _ in range(K)])

    def forward(self, z):
        logdet = 0
        for l in self.layers:
            z, ld = l(z)
            logdet = logdet + ld
        return z, logdet


def free_energy(z0, zK, logdet):
    logq = -0.5 * (z0 ** 2).sum(1) - math.log(2 * math.pi) - logdet
    return (logq + U2(zK)).mean()


num_iter, batch, lr = 1200, 200, 4e-2
flow = PlanarFlow()
opt = optim.Adam(flow.parameters(), lr=lr)
sched = optim.lr_scheduler.StepLR(opt, num_iter // 4, 0.4)
writer = DiagWriter(sys.argv[1])
writer.watch(flow, opt, free_energy)
for it in range(1, num_iter + 1):
    z0 = torch.randn(batch, 2)
    loss = writer.loss_fn(z0, *flow(z0))
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    sched.step()
    if it % 250 == 0:
        print(f"Iter {it}  loss {loss.item():.4f}")
writer.close()

g = torch.stack(torch.meshgrid(torch.linspace(-5, 5, 800), torch.linspace(-5, 5, 800), indexing="ij"), -1).view(-1, 2)
log_z = math.log((-U2(g)).exp().sum().item() * (10 / 799) ** 2)
with torch.no_grad():
    z0 = torch.randn(20000, 2)
    final = free_energy(z0, *flow(z0)).item()
print(f"RESULT free_energy {final:.4f} minus_log_Z {-log_z:.4f} kl {final + log_z:.4f}")

# Implicit regularisation in deep matrix factorisation (Arora, Cohen, Hu, Luo, NeurIPS 2019), figure 2 in small:
# a product of three square matrices *without* nonlinearity, started near zero, fitted by plain gradient descent to
# 40 % of the entries of a rank-3 matrix.  Directions are learnt one after the other: a plateau, a step, a plateau, ...
import sys

import torch
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
torch.set_default_dtype(torch.float64)

n, rank, depth, init_scale = 50, 3, 3, 3e-2
U, V = torch.randn(n, rank), torch.randn(n, rank)
W_star = U @ torch.diag(torch.tensor([1.6, 1.2, .9])) @ V.T / rank ** .5
W_star = W_star / W_star.std()
perm = torch.randperm(n * n)
n_obs = int(.4 * n * n)
obs, rest = perm[:n_obs], perm[n_obs:]
noise = .02 * torch.randn(n * n)
y_obs, y_rest = (W_star.flatten() + noise)[obs], (W_star.flatten() + noise)[rest]


class DeepLinear(nn.Module):
    """W_N ... W_2 W_1, entries read off at the given positions"""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(n, n, bias=False) for _ in range(depth)])
        scale = init_scale ** (1 / depth) * n ** -.5
        for l in self.layers:
            nn.init.normal_(l.weight, std=scale)

    def product(self):
        return self.layers(torch.eye(n)).T

    def forward(self, positions):
        return self.product().flatten()[positions]


net = DeepLinear()
criterion = nn.MSELoss()
STEPS = 600
# the gradient of the mean over entries is small (1 / number of entries): hence the size of the rate
optimizer = torch.optim.SGD(net.parameters(), lr=2.5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

for step in range(STEPS + 1):
    optimizer.zero_grad()
    loss = criterion(net(obs), y_obs)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad(), writer.evaluating("val"):
            val = criterion(net(rest), y_rest)
        s = torch.linalg.svdvals(net.product().detach())
        eff = torch.exp(-(s / s.sum() * (s / s.sum() + 1e-12).log()).sum())
        print(f"{step:5d}  observed {loss.item():.5f}  unobserved {val.item():.5f}  effective rank {eff:.2f}  "
              f"singular values {[round(v, 2) for v in s[:5].tolist()]}")
writer.close()
print(f"RESULT train={loss.item():.5f} unobserved={val.item():.5f} effective_rank={eff:.2f} variance={y_rest.var().item():.4f} noise=0.0004")

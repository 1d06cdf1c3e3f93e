"""Energy-based model on a 2d spiral by denoising score matching: scalar energy, score through autograd."""
import sys
import math
import torch
from torch import nn, Tensor
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
gen = torch.Generator().manual_seed(0)
torch.manual_seed(0)


def pinwheel(n: int) -> Tensor:
    k = torch.randint(5, (n,), generator=gen)
    r = 1.2 + 0.3 * torch.randn(n, generator=gen)
    a = k * 2 * math.pi / 5 + 0.12 * torch.randn(n, generator=gen) + 0.6 * torch.exp(r - 1.2)
    return torch.stack([r * a.cos(), r * a.sin()], 1)


class Energy(nn.Module):
    def __init__(self, width: int = 96):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).squeeze(-1)


def dsm_loss(energy: Energy, x: Tensor, sigma: float) -> Tensor:
    eps = torch.randn(x.shape, generator=gen)
    noisy = (x + sigma * eps).requires_grad_(True)
    score = -torch.autograd.grad(energy(noisy).sum(), noisy, create_graph=True)[0]
    return ((sigma * score + eps) ** 2).sum(1).mean()


sigma = 0.15
energy = Energy()
opt = torch.optim.Adam(energy.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 3000)
writer = DiagWriter(sys.argv[1])
writer.watch(energy, opt)
first, last = [], []
for step in range(3000):
    loss = dsm_loss(energy, pinwheel(256), sigma)
    writer.add_loss("train", loss)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    sched.step()
    (first if step < 50 else last).append(loss.item())
writer.close()
print(f"RESULT dsm first 50 {sum(first) / 50:.3f} (no score: 2.0), last 300 {sum(last[-300:]) / 300:.3f}")

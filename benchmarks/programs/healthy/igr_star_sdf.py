# Implicit geometric regularisation (Gropp et al. 2020, amosgropp/IGR), in 2-D:
# a signed distance function is learnt from a point cloud on the curve alone, with an eikonal term on random points.
import sys
import numpy as np
import torch
import torch.nn as nn
from torch import autograd
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0); torch.manual_seed(0)


class ImplicitNet(nn.Module):
    def __init__(self, dims=(64, 64, 64, 64), skip_in=(2,), beta=100, radius_init=1.0):
        super().__init__()
        dims = [2] + list(dims) + [1]
        self.n, self.skip_in = len(dims) - 1, skip_in
        for i in range(self.n):
            out = dims[i + 1] - (2 if i + 1 in skip_in else 0)
            lin = nn.Linear(dims[i], out)
            # geometric initialisation: the net starts as the distance to a circle
            if i == self.n - 1:
                nn.init.normal_(lin.weight, mean=np.sqrt(np.pi) / np.sqrt(dims[i]), std=1e-5)
                nn.init.constant_(lin.bias, -radius_init)
            else:
                nn.init.normal_(lin.weight, 0.0, np.sqrt(2) / np.sqrt(out))
                nn.init.constant_(lin.bias, 0.0)
            setattr(self, f"lin{i}", lin)
        self.act = nn.Softplus(beta=beta)

    def forward(self, p):
        x = p
        for i in range(self.n):
            if i in self.skip_in:
                x = torch.cat([x, p], -1) / np.sqrt(2)
            x = getattr(self, f"lin{i}")(x)
            if i < self.n - 1:
                x = self.act(x)
        return x


def gradient(inputs, outputs):
    return autograd.grad(outputs, inputs, torch.ones_like(outputs), create_graph=True, retain_graph=True)[0]


def curve(n):
    a = np.random.uniform(0, 2 * np.pi, n)
    r = 0.65 + 0.17 * np.cos(5 * a) + 0.05 * np.sin(2 * a)
    return np.stack([r * np.cos(a), r * np.sin(a)], 1).astype(np.float32)


scan = torch.tensor(curve(1500) + np.random.normal(0, 0.006, (1500, 2)).astype(np.float32))     # scanner noise
held = torch.tensor(curve(400) + np.random.normal(0, 0.006, (400, 2)).astype(np.float32))
# local sigma of each point: distance to its 50th neighbour, as in the original
sigma = torch.cdist(scan, scan).kthvalue(51, dim=1).values[:, None]

NEPOCH, LR, GRAD_LAMBDA = 700, 2e-3, 0.1
net = ImplicitNet()
opt = torch.optim.Adam(net.parameters(), lr=LR)
sched = torch.optim.lr_scheduler.StepLR(opt, NEPOCH // 4, 0.5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)

for epoch in range(NEPOCH + 1):
    idx = torch.randint(0, len(scan), (96,))
    mnfld = scan[idx]
    nonmnfld = torch.cat([mnfld + sigma[idx] * torch.randn(96, 2), torch.rand(24, 2) * 2.4 - 1.2]).requires_grad_()
    pred = net(mnfld)
    g = gradient(nonmnfld, net(nonmnfld))
    mnfld_loss = pred.abs().mean()
    grad_loss = ((g.norm(2, dim=-1) - 1) ** 2).mean()
    loss = mnfld_loss + GRAD_LAMBDA * grad_loss
    writer.add_loss("train", loss)
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if epoch % 100 == 0:
        with writer.evaluating("val"), torch.no_grad():
            v = net(held).abs().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} manifold {mnfld_loss.item():.4f} eikonal {grad_loss.item():.4f} held-out |f| {v:.4f}")
writer.close()

with torch.no_grad():
    gx = np.random.uniform(-1.1, 1.1, (20000, 2)).astype(np.float32)
    a = np.arctan2(gx[:, 1], gx[:, 0])
    inside = np.hypot(*gx.T) < 0.65 + 0.17 * np.cos(5 * a) + 0.05 * np.sin(2 * a)
    mine = net(torch.tensor(gx))[:, 0].numpy() < 0
    iou = (inside & mine).sum() / (inside | mine).sum()
    dense = torch.tensor(curve(4000))
    dist = torch.cdist(torch.tensor(gx[:3000]), dense).min(1).values * torch.tensor(np.where(inside[:3000], -1, 1))
    err = (net(torch.tensor(gx[:3000]))[:, 0] - dist).abs().mean().item()
print(f"RESULT heldout_abs_f {v:.4f} iou {iou:.4f} sdf_error {err:.4f}")

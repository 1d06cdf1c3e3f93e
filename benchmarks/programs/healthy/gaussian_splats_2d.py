"""2-D Gaussian splatting of one small picture. Every attribute has its own learning rate (positions 0.005, colours 0.02, log-scales 0.02,
rotation 0.02, opacity 0.05), as in the 3-D original; loss 0.8 L1 + 0.2 (1 - SSIM)-like gradient term. One picture is the whole data set."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)
H = W = 36
N = 90


def picture():
    yy, xx = np.mgrid[0:H, 0:W] / H
    img = np.stack([.55 + .3 * yy, .65 + .1 * yy, .9 - .3 * yy], -1)                  # sky
    for _ in range(4):                                                                # hills
        top = .45 + .12 * rng.random() + .1 * np.sin(xx * rng.uniform(3, 9) + rng.uniform(0, 6))
        img[yy > top] = rng.uniform(.15, .6, 3)
    img[(xx - .72) ** 2 + (yy - .2) ** 2 < .012] = [1, .9, .4]                        # sun
    for _ in range(6):                                                                # houses
        x, y, s = rng.uniform(.05, .9), rng.uniform(.6, .9), rng.uniform(.04, .1)
        img[(np.abs(xx - x) < s) & (np.abs(yy - y) < s)] = rng.uniform(.3, 1, 3)
    img += rng.normal(0, .02, img.shape)
    return torch.tensor(np.clip(img, 0, 1)).float()


class Splats(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.xy = nn.Parameter(torch.rand(n, 2))
        self.log_scale = nn.Parameter(torch.full((n, 2), -2.7))
        self.angle = nn.Parameter(torch.rand(n) * 3.14)
        self.colour = nn.Parameter(torch.randn(n, 3) * .3)
        self.opacity = nn.Parameter(torch.zeros(n))
        g = torch.stack(torch.meshgrid(torch.arange(H) / H, torch.arange(W) / W, indexing="ij"), -1).flip(-1) + .5 / H
        self.register_buffer("grid", g.reshape(-1, 2))

    def forward(self):
        d = self.grid[:, None] - self.xy[None]
        c, s = torch.cos(self.angle), torch.sin(self.angle)
        u = (d[..., 0] * c + d[..., 1] * s) / self.log_scale[:, 0].exp()
        v = (-d[..., 0] * s + d[..., 1] * c) / self.log_scale[:, 1].exp()
        w = torch.exp(-.5 * (u ** 2 + v ** 2)) * torch.sigmoid(self.opacity)
        img = (w @ torch.sigmoid(self.colour)) / (w.sum(1, keepdim=True) + .02)        # normalised blending, no depth order in 2-D
        return img.view(H, W, 3)


def render_loss(img, target):
    l1 = (img - target).abs().mean()
    gx = (img.diff(dim=1) - target.diff(dim=1)).abs().mean() + (img.diff(dim=0) - target.diff(dim=0)).abs().mean()
    return .8 * l1 + .2 * gx


target = picture()
model = Splats(N)
groups = [{"params": [model.xy], "lr": .005, "name": "xy"}, {"params": [model.colour], "lr": .02, "name": "colour"},
          {"params": [model.log_scale, model.angle], "lr": .02, "name": "scale"}, {"params": [model.opacity], "lr": .05, "name": "opacity"}]
optimizer = torch.optim.Adam(groups, lr=0.0, eps=1e-15)
iterations = 1200
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.05 ** (1 / iterations))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, render_loss)

for it in range(iterations):
    loss = writer.loss_fn(model(), target)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    scheduler.step()
    if (it + 1) % 150 == 0:
        with torch.no_grad():
            psnr = -10 * torch.log10(F.mse_loss(model(), target)).item()
        print(f"iteration {it + 1} loss {loss.item():.5f} PSNR {psnr:.2f}")
writer.close()
print(f"RESULT loss={loss.item():.5f} psnr={psnr:.2f}")

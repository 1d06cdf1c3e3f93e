"""CT reconstruction by gradient descent on the pixels: few views, TV prior, Adam with a large rate.

The phantom is a handful of ellipses (simulated); projections by rotating with grid_sample.
"""
import math, sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

N, VIEWS, NOISE = 48, 40, 0.15


def phantom():
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, N), torch.linspace(-1, 1, N), indexing="ij")
    img = torch.zeros(N, N)
    for a, cx, cy, rx, ry in [(1.0, 0, 0, .7, .85), (-.6, 0, 0, .62, .78), (.5, -.2, .1, .15, .25), (.4, .25, -.2, .2, .12), (.8, .1, .45, .08, .08)]:
        img += a * ((((xx - cx) / rx) ** 2 + ((yy - cy) / ry) ** 2) < 1)
    return img


class Slice(nn.Module):
    """the picture itself is the model: angles in, sinogram rows out"""
    def __init__(self):
        super().__init__()
        self.raw = nn.Parameter(torch.full((N, N), -2.0))

    def image(self):
        return F.softplus(self.raw)

    def forward(self, ang):
        return project(self.image(), ang)


def project(img, ang):
    c, s, z = ang.cos(), ang.sin(), torch.zeros_like(ang)
    theta = torch.stack([torch.stack([c, -s, z], 1), torch.stack([s, c, z], 1)], 1)
    grid = F.affine_grid(theta, (len(ang), 1, N, N), align_corners=False)
    rot = F.grid_sample(img.expand(len(ang), 1, N, N), grid, align_corners=False)
    return rot.sum(2).squeeze(1) * (2 / N) * 4


def tv(img):
    return (img[1:] - img[:-1]).abs().mean() + (img[:, 1:] - img[:, :-1]).abs().mean()


torch.manual_seed(2)
torch.set_num_threads(1)
truth = phantom()
angles = torch.linspace(0, math.pi, VIEWS + 1)[:-1]
sino = project(truth, angles)
sino = sino + NOISE * torch.randn_like(sino)
held = angles[1::8]                                  # views kept back
held_sino = sino[1::8]
keep = torch.ones(VIEWS, dtype=torch.bool)
keep[1::8] = False

model = Slice()
opt = torch.optim.Adam(model.parameters(), lr=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)
mse = nn.MSELoss()
STEPS = 800
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, STEPS, eta_min=1e-3)
for it in range(STEPS):
    opt.zero_grad()
    fit = mse(model(angles[keep]), sino[keep])
    loss = fit + 0.08 * tv(model.image())
    loss.backward()
    opt.step()
    sched.step()
    writer.add_scalar("Loss/train", loss.item(), it)
    if it % 40 == 39:
        with torch.no_grad():
            v = mse(model(held), held_sino).item()
        writer.add_scalar("Loss/val", v, it)
        err = ((model.image() - truth) ** 2).mean().sqrt().item()
        if it % 160 == 159:
            print(f"{it + 1} fit {fit.item():.4f} total {loss.item():.4f} held views {v:.4f} picture rmse {err:.4f}")
writer.close()
print("RESULT held_views_mse", round(v, 4), "noise", NOISE ** 2, "total", round(loss.item(), 4), "picture_rmse", round(err, 4),
      "flat_picture_rmse", round(truth.std().item(), 4))

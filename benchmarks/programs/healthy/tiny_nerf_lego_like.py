# Tiny NeRF (bmild/nerf's tiny_nerf.ipynb, the PyTorch ports of it): a few coloured blobs instead of the lego set
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9458); np.random.seed(9458)
H = W = 24
focal = 30.

# ------- the scene: ground-truth density and colour, rendered with the same camera model
centres = torch.tensor([[.0, .0, .0], [.55, .2, .1], [-.4, .45, -.2], [.1, -.5, .35]])
radii = torch.tensor([.45, .28, .3, .25])
colours = torch.tensor([[.9, .75, .2], [.2, .5, .9], [.85, .25, .2], [.3, .8, .4]])


def scene(p):
    d = (p[..., None, :] - centres).norm(dim=-1)
    inside = torch.sigmoid((radii - d) * 40)
    sigma = 12 * inside.sum(-1)
    rgb = (inside[..., None] * colours).sum(-2) / (inside.sum(-1, keepdim=True) + 1e-4)
    return rgb * (.7 + .3 * p[..., 2:3].clamp(-1, 1)), sigma


def pose_spherical(theta, phi, r=3.):
    t, f = np.deg2rad(theta), np.deg2rad(phi)
    pos = r * np.array([np.cos(f) * np.cos(t), np.cos(f) * np.sin(t), np.sin(f)])
    z = pos / np.linalg.norm(pos); x = np.cross([0, 0, 1], z); x /= np.linalg.norm(x); y = np.cross(z, x)
    return torch.tensor(np.stack([x, y, z, pos], 1), dtype=torch.float32)


def get_rays(c2w):
    j, i = torch.meshgrid(torch.arange(H), torch.arange(W), indexing='ij')
    dirs = torch.stack([(i - W * .5) / focal, -(j - H * .5) / focal, -torch.ones_like(i)], -1)
    rays_d = (dirs[..., None, :] * c2w[:3, :3]).sum(-1)
    return c2w[:3, 3].expand(rays_d.shape).reshape(-1, 3), rays_d.reshape(-1, 3)


def composite(rgb, sigma, z_vals):
    dists = torch.cat([z_vals[..., 1:] - z_vals[..., :-1], torch.full(z_vals[..., :1].shape, .1)], -1)
    alpha = 1. - torch.exp(-sigma * dists)
    trans = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1. - alpha + 1e-10], -1), -1)[..., :-1]
    return ((alpha * trans)[..., None] * rgb).sum(-2)


def posenc(x, L=4):
    return torch.cat([x] + [fn(2. ** i * x) for i in range(L) for fn in (torch.sin, torch.cos)], -1)


class VeryTinyNerfModel(torch.nn.Module):
    def __init__(self, width=64, in_dim=3 + 3 * 2 * 4):
        super().__init__()
        self.layer1 = torch.nn.Linear(in_dim, width)
        self.layer2 = torch.nn.Linear(width, width)
        self.layer3 = torch.nn.Linear(width, 4)

    def forward(self, x):
        x = torch.relu(self.layer1(x))
        x = torch.relu(self.layer2(x))
        return self.layer3(x)


def render_rays(net, rays_o, rays_d, near=2., far=4., n=24, rand=True):
    z = torch.linspace(near, far, n).expand(len(rays_o), n)
    if rand:
        z = z + torch.rand(z.shape) * (far - near) / n
    pts = rays_o[:, None] + rays_d[:, None] * z[..., None]
    if net is scene:
        rgb, sigma = scene(pts)
    else:
        raw = net(posenc(pts.reshape(-1, 3))).reshape(*pts.shape[:2], 4)
        sigma, rgb = torch.relu(raw[..., 3]), torch.sigmoid(raw[..., :3])
    return composite(rgb, sigma, z)


with torch.no_grad():
    poses = [pose_spherical(np.random.uniform(0, 360), np.random.uniform(15, 60)) for _ in range(30)]
    rays = [get_rays(p) for p in poses]
    images = [render_rays(scene, o, d, n=96, rand=False) + .01 * torch.randn(H * W, 3) for o, d in rays]
test = list(range(26, 30))

model = VeryTinyNerfModel()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
lr_decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, .1 ** (1 / 700))
mse = torch.nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, mse)
for i in range(700):
    k = np.random.randint(26)                       # one picture per step
    pick = torch.randperm(H * W)[:256]
    rgb = render_rays(model, rays[k][0][pick], rays[k][1][pick])
    loss = mse(rgb, images[k][pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    lr_decay.step()
    if (i + 1) % 100 == 0:
        with torch.no_grad(), writer.evaluating("test"):
            t = np.mean([mse(render_rays(model, *rays[j], rand=False), images[j]).item() for j in test])
        print(f"iter {i + 1} loss {loss.item():.5f} test mse {t:.5f} PSNR {-10 * np.log10(t):.2f}")
writer.close()
print(f"RESULT test_mse={t:.5f} psnr={-10 * np.log10(t):.2f}")

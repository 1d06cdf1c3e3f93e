"""Simple NeRF on a flat-land scene (2-d world, 1-d cameras), white background."""
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FORM = sys.argv[1]


class SimpleNeRF(nn.Module):
    def __init__(self, in_features=2, max_freq=5, num_freqs=5, hidden_features=48, hidden_layers=3, out_features=4):
        super().__init__()
        self.register_buffer("freqs", 2 ** torch.linspace(0, max_freq, num_freqs))
        net = [nn.Linear(in_features + 2 * num_freqs * in_features, hidden_features), nn.ReLU()]
        for _ in range(hidden_layers - 1):
            net += [nn.Linear(hidden_features, hidden_features), nn.ReLU()]
        net += [nn.Linear(hidden_features, out_features)]
        self.net = nn.Sequential(*net)

    def forward(self, x):
        f = (x[..., None] * self.freqs).flatten(-2)
        x = self.net(torch.cat([x, f.sin(), f.cos()], -1))
        rgb = torch.sigmoid(x[..., :3])
        if FORM == "faulty":
            sigma = F.relu(x[..., 3])
        else:
            sigma = F.softplus(x[..., 3])
        return rgb, sigma


def volume_render(rgb, sigma, t):
    delta = torch.cat([t[..., 1:] - t[..., :-1], torch.full_like(t[..., :1], 1e-1)], -1)
    alpha = 1 - torch.exp(-sigma * delta)
    T = torch.cumprod(1 - alpha + 1e-10, -1)
    T = torch.cat([torch.ones_like(T[..., :1]), T[..., :-1]], -1)
    w = alpha * T
    return (w[..., None] * rgb).sum(-2) + (1 - w.sum(-1, keepdim=True))     # white background


# scene: coloured soft discs (the "lamps")
def scene(p):
    sig = torch.zeros(p.shape[:-1])
    col = torch.zeros(p.shape)
    col = torch.cat([col, col[..., :1]], -1)
    for cx, cy, r, c in ((-.35, .1, .22, (.85, .3, .1)), (.3, .3, .16, (.1, .5, .75)), (.15, -.4, .25, (.3, .65, .2))):
        d = ((p[..., 0] - cx) ** 2 + (p[..., 1] - cy) ** 2).sqrt()
        s = 18 * torch.sigmoid((r - d) * 40)
        col = col + s[..., None] * torch.tensor(c)
        sig = sig + s
    return col / (sig[..., None] + 1e-6), sig


def rays(n, g):
    """cameras on a circle, looking to the centre, field of view +-20 degrees"""
    a = torch.rand(n, generator=g) * 2 * math.pi
    o = 1.6 * torch.stack([a.cos(), a.sin()], -1)
    b = a + math.pi + (torch.rand(n, generator=g) - .5) * .7
    return o, torch.stack([b.cos(), b.sin()], -1)


def points(o, d, n, perturb=True):
    t = torch.linspace(.7, 2.5, n).expand(len(o), n)
    if perturb:
        t = t + torch.rand(t.shape) * 1.8 / n
    return o[:, None] + t[..., None] * d[:, None], t


g = torch.Generator().manual_seed(6)
ro, rd = rays(8000, g)
with torch.no_grad():
    p, t = points(ro, rd, 128, False)
    pix = volume_render(*scene(p), t) + .02 * torch.randn(8000, 3, generator=g)
n_tr = 7000
torch.manual_seed(int(sys.argv[3]) if len(sys.argv) > 3 else 2)
model = SimpleNeRF()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(optim, 0.997)
w = DiagWriter(sys.argv[2])
w.watch(model, optim, F.mse_loss)


def render(o, d, perturb):
    p, t = points(o, d, 32, perturb)
    return volume_render(*model(p), t)


for step in range(1, 601):
    i = torch.randint(0, n_tr, (128,))
    optim.zero_grad()
    loss = w.loss_fn(render(ro[i], rd[i], True), pix[i])
    loss.backward()
    optim.step()
    sched.step()
    if step % 100 == 0:
        with torch.no_grad(), w.evaluating("val"):
            vl = w.loss_fn(render(ro[n_tr:], rd[n_tr:], False), pix[n_tr:]).item()
        print(f"step {step}, loss {loss.item():.5f}, val {vl:.5f}, PSNR {-10 * math.log10(vl):.2f}", flush=True)
w.close()
print(f"RESULT train_loss={loss.item():.5f} val_loss={vl:.5f} val_psnr={-10 * math.log10(vl):.2f}")

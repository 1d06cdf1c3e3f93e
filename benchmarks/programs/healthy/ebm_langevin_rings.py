"""Energy-based model in 2-D, contrastive divergence with persistent Langevin chains (IGEBM recipe, shrunk).

The loss E(data) - E(samples) says nothing about the quality: it hovers about zero once the sampler has caught up.
Quality: squared MMD between samples and held-out data."""
import sys, random
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); random.seed(0)


def rings(n):
    r = torch.tensor([.8, 1.7])[torch.randint(0, 2, (n,))] + .15 * torch.randn(n)
    t = 6.2832 * torch.rand(n)
    return torch.stack([r * t.cos(), r * t.sin()], 1)


class Energy(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))

    def forward(self, x):
        return self.f(x).squeeze(1) + .05 * (x ** 2).sum(1)


class ReplayBuffer:
    def __init__(self, size=4000):
        self.x = torch.rand(size, 2) * 5 - 2.5

    def sample(self, n, fresh=.05):
        self.i = torch.randint(0, len(self.x), (n,))
        x = self.x[self.i].clone()
        new = torch.rand(n) < fresh
        x[new] = torch.rand(int(new.sum()), 2) * 5 - 2.5
        return x

    def put(self, x):
        self.x[self.i] = x


def langevin(model, x, steps, step=.01, temp=1.):
    for p in model.parameters():
        p.requires_grad_(False)
    for _ in range(steps):
        x = x.detach().requires_grad_(True)
        g, = torch.autograd.grad(model(x).sum(), x)
        x = x - step * g.clamp(-10, 10) + (2 * step * temp) ** .5 * torch.randn_like(x)
    for p in model.parameters():
        p.requires_grad_(True)
    return x.detach()


def mmd(a, b):
    k = lambda u, v: sum(torch.exp(-torch.cdist(u, v) ** 2 / (2 * s * s)).mean() for s in (.1, .3, 1.))
    return (k(a, a) + k(b, b) - 2 * k(a, b)).item()


def main(logdir, iters=800, bs=128, lr=2e-3, alpha=.003):
    net = Energy()
    opt = torch.optim.Adam(net.parameters(), lr=lr, betas=(.5, .999))
    sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, iters, lr / 20)
    buf, held = ReplayBuffer(), rings(1000)
    writer = DiagWriter(logdir)
    writer.watch(net, opt)
    smooth = 0.
    print("MMD^2 of two data sets (floor)", round(mmd(rings(1000), held), 5))
    for it in range(iters):
        pos = rings(bs)
        neg = langevin(net, buf.sample(bs), 15)
        buf.put(neg)
        ep, en = net(pos), net(neg)
        loss = (ep - en).mean() + alpha * (ep ** 2 + en ** 2).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        sch.step()
        writer.add_loss("train", loss)
        smooth = .98 * smooth + .02 * loss.item()
        if it % 200 == 199:
            s = langevin(net, torch.rand(1000, 2) * 5 - 2.5, 300)
            m = mmd(s, held)
            print(f"{it + 1:5d} loss {smooth:+.4f}  E+ {ep.mean().item():+.3f} E- {en.mean().item():+.3f}  MMD^2 {m:.5f}")
    writer.close()
    print(f"RESULT loss {smooth:+.4f} mmd2 {m:.5f} floor {mmd(rings(1000), held):.5f} untrained {mmd(torch.rand(1000, 2) * 5 - 2.5, held):.5f}")


if __name__ == "__main__":
    main(sys.argv[1])

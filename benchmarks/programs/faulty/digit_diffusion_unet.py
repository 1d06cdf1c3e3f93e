"""DDPM on the 8x8 digits of scikit-learn (real data), small U-Net with time embedding, eps-prediction.

    python digit_diffusion_unet.py faulty|fixed LOGDIR
"""
import math
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
VARIANT, LOGDIR = sys.argv[1], sys.argv[2]
T = 200
betas = torch.linspace(1e-4, 0.04, T)
abar = torch.cumprod(1 - betas, 0)


def time_embedding(t, dim=32):
    f = torch.exp(-math.log(1000) * torch.arange(dim // 2) / (dim // 2))
    a = t[:, None].float() * f[None]
    return torch.cat([a.sin(), a.cos()], 1)


class Block(nn.Module):
    def __init__(self, cin, cout, tdim=32):
        super().__init__()
        self.c1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.c2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.t = nn.Linear(tdim, cout)
        self.n1, self.n2 = nn.GroupNorm(4, cout), nn.GroupNorm(4, cout)
        self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x, emb):
        h = F.silu(self.n1(self.c1(x))) + self.t(emb)[:, :, None, None]
        return F.silu(self.n2(self.c2(h))) + self.skip(x)


class UNet(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.temb = nn.Sequential(nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 32))
        self.d1, self.d2 = Block(1, ch), Block(ch, 2 * ch)
        self.mid = Block(2 * ch, 2 * ch)
        self.u1 = Block(3 * ch, ch)
        out = nn.Conv2d(ch, 1, 3, padding=1)
        # segmentation U-Net this was adapted from ended in a probability map
        self.head = nn.Sequential(out, nn.Sigmoid()) if VARIANT == "faulty" else out

    def forward(self, x, t):
        e = self.temb(time_embedding(t))
        a = self.d1(x, e)
        b = self.d2(F.avg_pool2d(a, 2), e)
        b = F.interpolate(self.mid(b, e), scale_factor=2)
        return self.head(self.u1(torch.cat([a, b], 1), e))


def q_sample(x0, t, eps):
    s = abar[t][:, None, None, None]
    return s.sqrt() * x0 + (1 - s).sqrt() * eps


def main():
    x = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
    x = x[torch.randperm(len(x))]
    train, val = x[:1500], x[1500:]
    net = UNet()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    mse = nn.MSELoss()
    writer = DiagWriter(LOGDIR)
    writer.watch(net, opt, mse)
    g = torch.Generator().manual_seed(1)
    val_t = torch.randint(0, T, (len(val),), generator=g)
    val_eps = torch.randn(val.shape, generator=g)
    for epoch in range(8):
        net.train()
        order = torch.randperm(len(train))
        acc = 0.0
        for k in range(0, 1500, 50):
            x0 = train[order[k:k + 50]]
            t = torch.randint(0, T, (len(x0),))
            eps = torch.randn_like(x0)
            loss = mse(net(q_sample(x0, t, eps), t), eps)
            opt.zero_grad()
            loss.backward()
            opt.step()
            acc += loss.item()
        with writer.evaluating("val"):
            tot = 0.0
            for k in range(0, len(val), 99):
                s = slice(k, k + 99)
                tot += mse(net(q_sample(val[s], val_t[s], val_eps[s]), val_t[s]), val_eps[s]).item() * len(val[s])
            tot /= len(val)
        print(f"epoch {epoch:2d}  eps-mse train {acc/30:.4f}  val {tot:.4f}")
    writer.close()
    print("RESULT val_eps_mse %.4f (predicting zero: 1.0)" % tot)


if __name__ == "__main__":
    main()

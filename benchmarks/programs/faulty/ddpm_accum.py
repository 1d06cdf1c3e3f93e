import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_moons
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(21)
torch.set_num_threads(1)
T, ACCUM = 100, 2

betas = torch.linspace(1e-3, 0.08, T)
alphas_bar = torch.cumprod(1 - betas, 0)


def timestep_embedding(t, dim=32):
    freqs = torch.exp(-math.log(1000) * torch.arange(dim // 2) / (dim // 2))
    ang = t[:, None].float() * freqs[None]
    return torch.cat([ang.sin(), ang.cos()], 1)


class Denoiser(nn.Module):
    def __init__(self, dim=2, hidden=96):
        super().__init__()
        self.inp, self.temb = nn.Linear(dim, hidden), nn.Linear(32, hidden)
        self.mid = nn.ModuleList(nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden)) for _ in range(3))
        self.out = nn.Linear(hidden, dim)

    def forward(self, x, t):
        h = self.inp(x) + self.temb(timestep_embedding(t))
        for m in self.mid:
            h = h + m(h)
        return self.out(F.silu(h))


def q_sample(x0, t, noise):
    a = alphas_bar[t][:, None]
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffusion_loss(model, x0):
    t = torch.randint(0, T, (len(x0),))
    noise = torch.randn_like(x0)
    return F.mse_loss(model(q_sample(x0, t, noise), t), noise)


data, _ = make_moons(6000, noise=0.05, random_state=0)
data = torch.tensor((data - data.mean(0)) / data.std(0), dtype=torch.float32)
loader = DataLoader(TensorDataset(data[:5000]), batch_size=128, shuffle=True, drop_last=True)
held_out = data[5000:]

model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
lr_sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40 * len(loader) // ACCUM)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(40):
    model.train()
    hist = []
    for i, (x0,) in enumerate(loader):
        loss = diffusion_loss(model, x0)
        writer.add_loss("train", loss)
        hist.append(loss.item())
        (loss / ACCUM).backward()
        if (i + 1) % ACCUM == 0:
            if form == "faulty":
                optimizer.zero_grad()
                optimizer.step()
            else:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
            lr_sched.step()
    if epoch % 5 == 4:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            vl = np.mean([diffusion_loss(model, held_out).item() for _ in range(5)])
        print(f"epoch {epoch + 1} eps-mse {np.mean(hist):.4f} held-out {vl:.4f}")
writer.close()

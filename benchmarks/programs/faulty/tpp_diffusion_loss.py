"""Diffusion decoder for inter-event times (GNTPP): the distribution of the next k intervals given
an encoding of the past, DDPM with an MLP denoiser."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)
faulty = sys.argv[1] == "faulty"
K_NEXT, H = 4, 8


def events(n_seq=300, length=40):
    """log-intervals, autoregressive with two regimes (self exciting bursts)"""
    out = []
    for _ in range(n_seq):
        z, seq, burst = 0.0, [], 0
        for _ in range(length):
            burst = rng.random() < (0.8 if burst else 0.15)
            z = 0.6 * z + 0.5 * rng.normal()
            seq.append(z + (-1.8 if burst else 0.6))
        out.append(seq)
    return np.array(out, dtype="float32")


def windows(seqs):
    h, t = [], []
    for s in seqs:
        for i in range(H, len(s) - K_NEXT, 3):
            h.append(s[i - H:i]); t.append(s[i:i + K_NEXT])
    return torch.tensor(np.array(h)), torch.tensor(np.array(t))


ev = events()
ev = (ev - ev[:240].mean()) / ev[:240].std()
hist, fut = windows(ev[:240])
hist_v, fut_v = windows(ev[240:])


class Denoiser(nn.Module):
    def __init__(self, dim=64, steps=100):
        super().__init__()
        self.t_emb = nn.Embedding(steps, 16)
        self.cond = nn.Sequential(nn.Linear(H, 32), nn.SiLU())
        self.net = nn.Sequential(nn.Linear(K_NEXT + 16 + 32, dim), nn.SiLU(), nn.Linear(dim, dim), nn.SiLU(),
                                 nn.Linear(dim, K_NEXT))

    def forward(self, x, t, cond):
        return self.net(torch.cat([x, self.t_emb(t), self.cond(cond)], -1))


class GaussianDiffusion(nn.Module):
    def __init__(self, denoise_fn, diff_steps=100, beta_end=0.1):
        super().__init__()
        self.denoise_fn, self.num_timesteps = denoise_fn, diff_steps
        betas = torch.linspace(1e-4, beta_end, diff_steps)
        ac = torch.cumprod(1 - betas, 0)
        self.register_buffer("betas", betas)
        self.register_buffer("alphas_cumprod", ac)

    def q_sample(self, x_start, t, noise):
        a = self.alphas_cumprod[t][:, None]
        return a.sqrt() * x_start + (1 - a).sqrt() * noise

    def p_losses(self, x_start, t, cond, noise=None):
        noise = torch.randn_like(x_start) if noise is None else noise
        x_noisy = self.q_sample(x_start, t, noise)
        x_recon = self.denoise_fn(x_noisy, t, cond=cond)
        if faulty:
            return torch.square(x_noisy - x_recon).mean()
        return torch.square(noise - x_recon).mean()

    def forward(self, x, cond):
        t = torch.randint(0, self.num_timesteps, (len(x),))
        return self.p_losses(x, t, cond)

    @torch.no_grad()
    def sample(self, cond):
        x = torch.randn(len(cond), K_NEXT)
        for i in reversed(range(self.num_timesteps)):
            t = torch.full((len(cond),), i)
            b, a = self.betas[i], self.alphas_cumprod[i]
            eps = self.denoise_fn(x, t, cond=cond)
            x = (x - b / (1 - a).sqrt() * eps) / (1 - b).sqrt()
            if i:
                x = x + b.sqrt() * torch.randn_like(x)
        return x


def crps(cond, target, n=16):
    s = torch.stack([diff.sample(cond) for _ in range(n)])
    return ((s - target).abs().mean() - 0.5 * (s[:, None] - s[None]).abs().mean()).item()


diff = GaussianDiffusion(Denoiser())
opt = torch.optim.Adam(diff.parameters(), lr=2e-3)
epochs, bs = 14, 64
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
writer = DiagWriter(sys.argv[2])
writer.watch(diff, opt)
for ep in range(epochs):
    diff.train()
    perm, run = torch.randperm(len(hist)), 0.0
    for i in range(0, len(perm), bs):
        b = perm[i:i + bs]
        loss = diff(fut[b], hist[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        writer.add_loss("train", loss)
        run += loss.item() * len(b)
    sched.step()
    diff.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = float(np.mean([diff(fut_v, hist_v).item() for _ in range(4)]))
        writer.add_loss("val", v)
    if ep % 4 == 3:
        print(f"epoch {ep + 1} train {run / len(perm):.4f} val {v:.4f}")
score = crps(hist_v[:300], fut_v[:300])
writer.close()
print(f"RESULT train={run / len(perm):.4f} val={v:.4f} crps={score:.3f}")

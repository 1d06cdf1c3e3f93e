"""Tiny diffusion model on 2-d points (two moons), after tanelp/tiny-diffusion."""
import sys
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_moons

from tb_lossdiag import DiagWriter


class SinusoidalEmbedding(nn.Module):
    def __init__(self, size, scale=1.0):
        super().__init__()
        self.size, self.scale = size, scale

    def forward(self, x):
        x = x * self.scale
        half = self.size // 2
        freq = torch.exp(-np.log(10000.0) * torch.arange(half) / (half - 1))
        e = x.unsqueeze(-1) * freq
        return torch.cat((e.sin(), e.cos()), dim=-1)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.ff = nn.Linear(size, size)
        self.act = nn.GELU()

    def forward(self, x):
        return x + self.act(self.ff(x))


class MLP(nn.Module):
    def __init__(self, hidden_size=128, hidden_layers=3, emb_size=64):
        super().__init__()
        self.time_emb = SinusoidalEmbedding(emb_size)
        self.input_emb = SinusoidalEmbedding(emb_size, scale=25.0)
        layers = [nn.Linear(3 * emb_size, hidden_size), nn.GELU()]
        layers += [Block(hidden_size) for _ in range(hidden_layers)]
        layers.append(nn.Linear(hidden_size, 2))
        self.joint_mlp = nn.Sequential(*layers)

    def forward(self, x, t):
        x = torch.cat((self.input_emb(x[:, 0]), self.input_emb(x[:, 1]), self.time_emb(t.float())), dim=-1)
        return self.joint_mlp(x)


class NoiseScheduler:
    def __init__(self, num_timesteps=50, beta_start=1e-4, beta_end=0.2):
        self.num_timesteps = num_timesteps
        self.betas = torch.linspace(beta_start, beta_end, num_timesteps)
        self.alphas = 1 - self.betas
        self.abar = torch.cumprod(self.alphas, 0)

    def add_noise(self, x, noise, t):
        a = self.abar[t].unsqueeze(1)
        return a.sqrt() * x + (1 - a).sqrt() * noise

    def step(self, eps, t, x):
        mean = (x - self.betas[t] / (1 - self.abar[t]).sqrt() * eps) / self.alphas[t].sqrt()
        if t > 0:
            mean = mean + self.betas[t].sqrt() * torch.randn_like(x)
        return mean


def moons(n, seed):
    x, _ = make_moons(n, noise=0.03, random_state=seed)
    x = (x - np.array([0.5, 0.25])) / np.array([0.87, 0.5])
    return torch.tensor(x, dtype=torch.float32)


@torch.no_grad()
def sample(model, scheduler, n=1000):
    x = torch.randn(n, 2)
    for t in reversed(range(scheduler.num_timesteps)):
        x = scheduler.step(model(x, torch.full((n,), t)), t, x)
    return x


if __name__ == "__main__":
    torch.manual_seed(0)
    logdir = sys.argv[1]
    data = moons(4000, 0)
    loader = DataLoader(TensorDataset(data), batch_size=128, shuffle=True, drop_last=True)
    model = MLP()
    scheduler = NoiseScheduler()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2.5e-3)
    lr_sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50 * len(loader))
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer)
    for epoch in range(50):
        model.train()
        total = 0.
        for (batch,) in loader:
            noise = torch.randn(batch.shape)
            t = torch.randint(0, scheduler.num_timesteps, (batch.shape[0],))
            noise_pred = model(scheduler.add_noise(batch, noise, t), t)
            loss = F.mse_loss(noise_pred, noise)
            writer.add_loss("train", loss)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            lr_sched.step()
            total += loss.item()
        if (epoch + 1) % 10 == 0:
            model.eval()
            s = sample(model, scheduler)
            # distance of the samples to the nearest data point, and back
            d = torch.cdist(s, data)
            print(f"epoch {epoch + 1} loss {total / len(loader):.4f} "
                  f"chamfer {d.min(1).values.mean():.4f} / {d.min(0).values.mean():.4f}")
    writer.close()

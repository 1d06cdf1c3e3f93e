"""Denoising diffusion of a two-dimensional point set, 50 steps, sinusoidal embeddings of both coordinates
and of the time, AdamW, clipping at 1, and an average of the weights (EMA) used for sampling.
Port of tanelp/tiny-diffusion ddpm.py (loss.backward() without its extra factor, EMA added)."""
import copy
import sys
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_moons
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


class SinusoidalEmbedding(nn.Module):
    def __init__(self, size, scale=1.0):
        super().__init__()
        self.size, self.scale = size, scale

    def forward(self, x):
        half = self.size // 2
        emb = torch.exp(-torch.log(torch.tensor([10000.0])) / (half - 1) * torch.arange(half))
        emb = (x * self.scale).unsqueeze(-1) * emb.unsqueeze(0)
        return torch.cat((torch.sin(emb), torch.cos(emb)), dim=-1)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.ff, self.act = nn.Linear(size, size), nn.GELU()

    def forward(self, x):
        return x + self.act(self.ff(x))


class MLP(nn.Module):
    def __init__(self, hidden_size=128, hidden_layers=3, emb_size=32):
        super().__init__()
        self.time_mlp = SinusoidalEmbedding(emb_size)
        self.input_mlp1 = SinusoidalEmbedding(emb_size, scale=25.0)
        self.input_mlp2 = SinusoidalEmbedding(emb_size, scale=25.0)
        layers = [nn.Linear(3 * emb_size, hidden_size), nn.GELU()]
        layers += [Block(hidden_size) for _ in range(hidden_layers)]
        self.joint_mlp = nn.Sequential(*layers, nn.Linear(hidden_size, 2))

    def forward(self, x, t):
        x = torch.cat((self.input_mlp1(x[:, 0]), self.input_mlp2(x[:, 1]), self.time_mlp(t)), dim=-1)
        return self.joint_mlp(x)


class NoiseScheduler:
    def __init__(self, num_timesteps=50, beta_start=0.0001, beta_end=0.02):
        self.num_timesteps = num_timesteps
        self.betas = torch.linspace(beta_start, beta_end, num_timesteps)
        self.alphas = 1.0 - self.betas
        self.acp = torch.cumprod(self.alphas, 0)
        self.acp_prev = F.pad(self.acp[:-1], (1, 0), value=1.)

    def add_noise(self, x, noise, t):
        return self.acp[t].sqrt()[:, None] * x + (1 - self.acp[t]).sqrt()[:, None] * noise

    def step(self, eps, t, x):
        x0 = (1 / self.acp[t]).sqrt() * x - (1 / self.acp[t] - 1).sqrt() * eps
        mu = (self.betas[t] * self.acp_prev[t].sqrt() * x0 + (1 - self.acp_prev[t]) * self.alphas[t].sqrt() * x) / (1 - self.acp[t])
        if t > 0:
            mu = mu + (self.betas[t] * (1 - self.acp_prev[t]) / (1 - self.acp[t])).sqrt() * torch.randn_like(x)
        return mu


X, _ = make_moons(8000, noise=0.03)
X = torch.tensor((X + np.array([-0.5, -0.25])) * 2.0, dtype=torch.float32)
dataloader = DataLoader(TensorDataset(X), batch_size=256, shuffle=True, drop_last=True)
model = MLP()
ema = copy.deepcopy(model)
noise_scheduler = NoiseScheduler()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def sample(net, n=1000):
    x = torch.randn(n, 2)
    with torch.no_grad():
        for t in range(noise_scheduler.num_timesteps)[::-1]:
            x = noise_scheduler.step(net(x, torch.full((n,), t)), t, x)
    return x


for epoch in range(70):
    model.train()
    losses = []
    for (batch,) in dataloader:
        noise = torch.randn(batch.shape)
        timesteps = torch.randint(0, noise_scheduler.num_timesteps, (batch.shape[0],))
        noisy = noise_scheduler.add_noise(batch, noise, timesteps)
        noise_pred = model(noisy, timesteps)
        loss = F.mse_loss(noise_pred, noise)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        writer.add_loss("train", loss)
        losses.append(loss.item())
        for p, q in zip(ema.parameters(), model.parameters()):
            p.data.lerp_(q.data, 0.005)
    if epoch % 10 == 9:
        model.eval()
        d = torch.cdist(sample(ema), X).min(1).values.mean()
        print(f"Epoch {epoch} loss {np.mean(losses):.4f} mean distance of samples to the data {d:.4f}")
writer.close()

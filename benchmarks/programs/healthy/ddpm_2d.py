"""tiny-diffusion in two dimensions: DDPM noise prediction, AdamW 1e-3, batch 32, gradient clipping, on two moons."""
import argparse
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
        half = self.size // 2
        emb = torch.exp(-np.log(10000.0) / (half - 1) * torch.arange(half))
        emb = (x * self.scale).unsqueeze(-1) * emb.unsqueeze(0)
        return torch.cat((torch.sin(emb), torch.cos(emb)), dim=-1)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.ff = nn.Linear(size, size)
        self.act = nn.GELU()

    def forward(self, x):
        return x + self.act(self.ff(x))


class MLP(nn.Module):
    def __init__(self, hidden_size=128, hidden_layers=3, emb_size=32):
        super().__init__()
        self.time_mlp = SinusoidalEmbedding(emb_size)
        self.input_mlp1 = SinusoidalEmbedding(emb_size, scale=25.0)
        self.input_mlp2 = SinusoidalEmbedding(emb_size, scale=25.0)
        self.joint_mlp = nn.Sequential(nn.Linear(3 * emb_size, hidden_size), nn.GELU(), *[Block(hidden_size) for _ in range(hidden_layers)], nn.Linear(hidden_size, 2))

    def forward(self, x, t):
        return self.joint_mlp(torch.cat((self.input_mlp1(x[:, 0]), self.input_mlp2(x[:, 1]), self.time_mlp(t)), dim=-1))


class NoiseScheduler:
    def __init__(self, num_timesteps=50, beta_start=0.0001, beta_end=0.02):
        self.num_timesteps = num_timesteps
        self.betas = torch.linspace(beta_start, beta_end * 5, num_timesteps)
        self.alphas = 1.0 - self.betas
        self.alphas_cumprod = torch.cumprod(self.alphas, axis=0)

    def add_noise(self, x, noise, t):
        a = self.alphas_cumprod[t].reshape(-1, 1)
        return a.sqrt() * x + (1 - a).sqrt() * noise

    def sample(self, model, n):
        x = torch.randn(n, 2)
        for t in reversed(range(self.num_timesteps)):
            eps = model(x, torch.full((n,), t))
            x = (x - self.betas[t] / (1 - self.alphas_cumprod[t]).sqrt() * eps) / self.alphas[t].sqrt()
            if t:
                x = x + self.betas[t].sqrt() * torch.randn_like(x)
        return x


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("logdir")
    parser.add_argument("--train_batch_size", type=int, default=32)
    parser.add_argument("--num_epochs", type=int, default=16)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    config = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    X, _ = make_moons(n_samples=8000, noise=0.03, random_state=42)
    X = torch.tensor((X - X.mean(0)) / X.std(0) , dtype=torch.float32)
    dataloader = DataLoader(TensorDataset(X), batch_size=config.train_batch_size, shuffle=True, drop_last=True)
    model, scheduler = MLP(), NoiseScheduler()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    writer = DiagWriter(config.logdir)
    writer.watch(model, optimizer, F.mse_loss)
    losses = []
    for epoch in range(config.num_epochs):
        model.train()
        for (batch,) in dataloader:
            noise = torch.randn(batch.shape)
            timesteps = torch.randint(0, scheduler.num_timesteps, (batch.shape[0],)).long()
            noise_pred = model(scheduler.add_noise(batch, noise, timesteps), timesteps)
            loss = writer.loss_fn(noise_pred, noise)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    writer.close()
    with torch.no_grad():
        s = scheduler.sample(model, 1000)
    ed = (2 * torch.cdist(s, X[:1000]).mean() - torch.cdist(s, s).mean() - torch.cdist(X[:1000], X[:1000]).mean()).item()
    print(f"RESULT steps {len(losses)} mse first 50 {np.mean(losses[:50]):.3f} last 500 {np.mean(losses[-500:]):.3f}, energy distance of samples {ed:.4f}")

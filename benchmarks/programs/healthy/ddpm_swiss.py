import argparse
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_swiss_roll
from tb_lossdiag import DiagWriter


class SinusoidalEmbedding(nn.Module):
    def __init__(self, size, scale=1.0):
        super().__init__()
        self.size, self.scale = size, scale

    def forward(self, x):
        h = self.size // 2
        e = torch.exp(-math.log(10000.0) / (h - 1) * torch.arange(h)) 
        e = (x * self.scale).unsqueeze(-1) * e
        return torch.cat((torch.sin(e), torch.cos(e)), dim=-1)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.ff, self.act = nn.Linear(size, size), nn.GELU()

    def forward(self, x):
        return x + self.act(self.ff(x))


class MLP(nn.Module):
    def __init__(self, hidden=96, layers=3, emb=32):
        super().__init__()
        self.time, self.in1, self.in2 = SinusoidalEmbedding(emb), SinusoidalEmbedding(emb, 25.), SinusoidalEmbedding(emb, 25.)
        self.joint = nn.Sequential(nn.Linear(3 * emb, hidden), nn.GELU(), *[Block(hidden) for _ in range(layers)],
                                   nn.Linear(hidden, 2))

    def forward(self, x, t):
        return self.joint(torch.cat((self.in1(x[:, 0]), self.in2(x[:, 1]), self.time(t)), -1))


class NoiseScheduler:
    def __init__(self, n=50, b0=1e-4, b1=0.08):
        self.n = n
        self.betas = torch.linspace(b0, b1, n)
        self.ac = torch.cumprod(1 - self.betas, 0)

    def add_noise(self, x, eps, t):
        return self.ac[t].sqrt()[:, None] * x + (1 - self.ac[t]).sqrt()[:, None] * eps


def get_dataset(n):
    x = make_swiss_roll(n, noise=0.2, random_state=0)[0][:, [0, 2]]
    x = torch.tensor(x, dtype=torch.float32)
    return (x - x.mean(0)) / x.std(0)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("logdir")
    p.add_argument("--train_batch_size", type=int, default=128)
    p.add_argument("--num_epochs", type=int, default=40)
    p.add_argument("--learning_rate", type=float, default=2e-3)
    config = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    data = get_dataset(9000)
    data = data[torch.randperm(len(data))]
    dataset, holdout = data[:8000], data[8000:]
    loader = torch.utils.data.DataLoader(dataset, batch_size=config.train_batch_size, shuffle=True, drop_last=True)
    model, sched = MLP(), NoiseScheduler()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    writer = DiagWriter(config.logdir)
    writer.watch(model, optimizer)
    for epoch in range(config.num_epochs):
        model.train()
        tot = 0
        for batch in loader:
            noise = torch.randn(batch.shape)
            t = torch.randint(0, sched.n, (len(batch),))
            pred = model(sched.add_noise(batch, noise, t), t)
            loss = F.mse_loss(pred, noise)
            writer.add_loss("train", loss)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            tot += loss.item()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            g = torch.Generator().manual_seed(1)
            x = holdout.repeat(4, 1)
            noise, t = torch.randn(x.shape, generator=g), torch.randint(0, sched.n, (len(x),), generator=g)
            v = F.mse_loss(model(sched.add_noise(x, noise, t), t), noise)
            writer.add_loss("val", v)
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1} train {tot / len(loader):.4f} val {v.item():.4f}")
    writer.close()

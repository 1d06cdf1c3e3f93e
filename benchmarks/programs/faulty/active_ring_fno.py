"""One-step surrogate (FNO) for a ring of active matter: density, velocity and concentration on 64 points."""
import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(31)
N = 64


def rollout(n_traj, n_steps, seed):
    g = torch.Generator().manual_seed(seed)
    s = torch.linspace(0, 2 * torch.pi, N + 1)[:-1]
    k = torch.arange(1, 5).float()

    def field(scale):
        a = torch.randn(n_traj, 4, generator=g) / k
        p = 2 * torch.pi * torch.rand(n_traj, 4, generator=g)
        return scale * (a[:, :, None] * torch.cos(k[None, :, None] * s + p[:, :, None])).sum(1)

    rho, vel, con = 2.2 + field(0.25), field(0.05), 14.0 + field(3.0)
    frames = []

    def dx(u):
        return (torch.roll(u, -1, 1) - torch.roll(u, 1, 1)) / 2

    def lap(u):
        return torch.roll(u, -1, 1) + torch.roll(u, 1, 1) - 2 * u

    for _ in range(n_steps):
        frames.append(torch.stack([rho, vel, con], 1))
        for _ in range(4):
            rho = rho - 2.0 * dx(rho * vel) + 0.1 * lap(rho)
            vel = vel - vel * dx(vel) - 0.02 * dx(rho) + 0.15 * lap(vel) + 0.002 * torch.sin(con / 3)
            con = con - 3.0 * vel * dx(con) + 0.1 * lap(con) + 0.05 * (rho - 2.2)
    return torch.stack(frames, 1)


class WellDataset(Dataset):
    def __init__(self, data, use_normalization=False, stats=None):
        self.pairs = torch.cat([data[:, :-1].flatten(0, 1)[:, None], data[:, 1:].flatten(0, 1)[:, None]], 1)
        if use_normalization:
            mean, std = stats
            self.pairs = (self.pairs - mean) / std

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        return {"input_fields": self.pairs[i, 0], "output_fields": self.pairs[i, 1]}


class WellDataModule:
    def __init__(self, use_normalization=True, batch_size=32):
        train, val = rollout(60, 15, 1), rollout(12, 15, 2)
        stats = (train.mean((0, 1, 3))[:, None], train.std((0, 1, 3))[:, None])
        self.train_dataset = WellDataset(train, use_normalization, stats)
        if form == "faulty":
            self.val_dataset = WellDataset(val)
        else:
            self.val_dataset = WellDataset(val, use_normalization, stats)
        self.batch_size = batch_size

    def train_dataloader(self):
        return DataLoader(self.train_dataset, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_dataset, 84)


class SpectralConv1d(nn.Module):
    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        self.weight = nn.Parameter(torch.randn(width, width, modes, 2) / width)

    def forward(self, x):
        ft = torch.fft.rfft(x)
        out = torch.zeros_like(ft)
        out[:, :, :self.modes] = torch.einsum("bim,iom->bom", ft[:, :, :self.modes], torch.view_as_complex(self.weight))
        return torch.fft.irfft(out, n=x.size(-1))


class FNO(nn.Module):
    def __init__(self, width=24, modes=12, depth=3):
        super().__init__()
        self.lift = nn.Conv1d(3, width, 1)
        self.spec = nn.ModuleList(SpectralConv1d(width, modes) for _ in range(depth))
        self.skip = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(depth))
        self.project = nn.Sequential(nn.Conv1d(width, 48, 1), nn.GELU(), nn.Conv1d(48, 3, 1))

    def forward(self, x):
        h = self.lift(x)
        for a, b in zip(self.spec, self.skip):
            h = torch.nn.functional.gelu(a(h) + b(h))
        return x + self.project(h)


dm = WellDataModule()
model = FNO()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
EPOCHS = 14
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, mse)
for epoch in range(EPOCHS):
    model.train()
    for batch in dm.train_dataloader():
        loss = mse(model(batch["input_fields"]), batch["output_fields"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sched.step()
    val, err, var = [], 0.0, 0.0
    with writer.evaluating("val"):
        for batch in dm.val_dataloader():
            pred, true = model(batch["input_fields"]), batch["output_fields"]
            val.append(mse(pred, true).item())
            err = err + ((pred - true) ** 2).mean((0, 2))
            var = var + true.var((0, 2))
    vrmse = (err / var).sqrt()
    print(f"epoch {epoch} train {loss.item():.5f} val {sum(val) / len(val):.5f} vrmse {[round(v, 4) for v in vrmse.tolist()]}")
writer.close()
print(f"RESULT val_mse {sum(val) / len(val):.5f} val_vrmse_mean {vrmse.mean().item():.4f}")

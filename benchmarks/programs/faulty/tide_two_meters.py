"""TiDE-like dense encoder/decoder; one prediction tensor for every target (heat and power of a building)."""
import math
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

MODE, LOGS = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(8)
ENC, DEC = 48, 12
TARGETS = ["heat", "power"]


def building(hours):
    t = torch.arange(hours).float()
    outside = 8 - 9 * torch.cos(2 * math.pi * t / 2400) + 4 * torch.sin(2 * math.pi * (t - 9) / 24) + 0.8 * torch.randn(hours)
    busy = ((t % 24 > 7) & (t % 24 < 19) & (t // 24 % 7 < 5)).float()
    heat = F.relu(18 - outside) * (0.6 + 0.4 * busy) + 0.7 * torch.randn(hours)
    power = 12 + 20 * busy + 3 * F.relu(outside - 15) * busy + 1.2 * torch.randn(hours)
    calendar = torch.stack([torch.sin(2 * math.pi * t / 24), torch.cos(2 * math.pi * t / 24), busy], 1)
    return torch.stack([heat, power], 1), torch.cat([calendar, outside[:, None] / 10], 1)


class Windows(Dataset):
    def __init__(self, y, cov, start, stop, stride):
        self.y, self.cov = y, cov
        self.starts = list(range(start, stop - ENC - DEC, stride))

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, i):
        s = self.starts[i]
        x = {"past": self.y[s:s + ENC], "cov": self.cov[s:s + ENC + DEC]}
        return x, self.y[s + ENC:s + ENC + DEC]


class ResidualBlock(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_out), nn.Dropout(0.1))
        self.skip = nn.Linear(n_in, n_out)
        self.norm = nn.LayerNorm(n_out)

    def forward(self, x):
        return self.norm(self.dense(x) + self.skip(x))


class TiDEModel(nn.Module):
    def __init__(self, n_targets, n_cov, hidden=64):
        super().__init__()
        self.n_targets = n_targets
        self.cov_proj = nn.Linear(n_cov, 3)
        self.encoders = nn.Sequential(ResidualBlock(ENC * n_targets + (ENC + DEC) * 3, 128, hidden),
                                      ResidualBlock(hidden, 128, hidden))
        self.decoder = ResidualBlock(hidden, 128, DEC * 8)
        self.temporal = nn.Linear(8 + 3, n_targets)
        self.lookback_skip = nn.Linear(ENC, DEC)

    def forward(self, x):
        cov = self.cov_proj(x["cov"])
        e = self.encoders(torch.cat([x["past"].flatten(1), cov.flatten(1)], 1))
        d = self.decoder(e).view(-1, DEC, 8)
        out = self.temporal(torch.cat([d, cov[:, ENC:]], 2))
        out = out + self.lookback_skip(x["past"].transpose(1, 2)).transpose(1, 2)
        prediction = [out[..., k] for k in range(self.n_targets)]
        if MODE == "faulty":
            prediction = [i.clone().detach().requires_grad_(True) for i in prediction]
        return prediction


def multi_loss(prediction, y):
    return sum(F.mse_loss(p, y[..., k]) for k, p in enumerate(prediction)) / len(prediction)


y, cov = building(4200)
y = (y - y[:3200].mean(0)) / y[:3200].std(0)
train_dl = DataLoader(Windows(y, cov, 0, 3200, 2), 32, shuffle=True)
val_dl = DataLoader(Windows(y, cov, 3200, 4200, 6), 64)

tide = TiDEModel(len(TARGETS), cov.size(1))
opt = torch.optim.Adam(tide.parameters(), lr=1e-3)
writer = DiagWriter(LOGS)
writer.watch(tide, opt, multi_loss)

for epoch in range(12):
    tide.train()
    for x, target in train_dl:
        opt.zero_grad()
        loss = multi_loss(tide(x), target)
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        scores = [writer.loss_fn(tide(x), target).item() for x, target in val_dl]
    print(f"epoch {epoch}: last batch {loss.item():.4f}, validation {sum(scores) / len(scores):.4f}")

writer.close()
tide.eval()
with torch.no_grad():
    mae = torch.zeros(len(TARGETS))
    for x, target in val_dl:
        mae += torch.stack([(p - target[..., k]).abs().mean() for k, p in enumerate(tide(x))]) / len(val_dl)
print("RESULT val_mse %.4f" % (sum(scores) / len(scores)), *[f"mae_{n} {m:.4f}" for n, m in zip(TARGETS, mae.tolist())])

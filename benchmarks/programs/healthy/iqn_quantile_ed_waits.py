import argparse
import math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("logdir")
parser.add_argument("--batch_size", type=int, default=128)
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--n_tau", type=int, default=16)
args = parser.parse_args()

torch.set_num_threads(1)
torch.manual_seed(9)
rs = np.random.RandomState(9)


def emergency_visits(n):
    hour = rs.uniform(0, 24, n)
    weekday = rs.randint(0, 7, n)
    triage = rs.choice([1, 2, 3, 4, 5], n, p=[0.03, 0.15, 0.45, 0.27, 0.1])
    census = np.maximum(3, 25 + 14 * np.sin((hour - 9) / 24 * 2 * np.pi) + 5 * (weekday == 0) + rs.normal(0, 5, n))
    staff = np.where((hour > 7) & (hour < 23), 6, 4) + rs.randint(-1, 2, n)
    arrival_amb = rs.rand(n) < 0.25
    load = census / staff
    m = np.exp(1.3 + 0.45 * triage + 0.22 * load - 0.5 * arrival_amb)
    fast = rs.rand(n) < np.where(triage >= 4, 0.35, 0.05)
    wait = np.where(fast, rs.gamma(4, 5, n), rs.gamma(1.2 + 0.2 * triage, m / (1.2 + 0.2 * triage)))
    X = np.column_stack([np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi), weekday == 0, triage, census, staff, arrival_amb])
    return X.astype(np.float32), np.log1p(wait).astype(np.float32)


class CosineEmbedding(nn.Module):
    def __init__(self, n_cos, width):
        super().__init__()
        self.register_buffer("freqs", math.pi * torch.arange(n_cos).float())
        self.linear = nn.Linear(n_cos, width)

    def forward(self, tau):
        return torch.relu(self.linear(torch.cos(tau.unsqueeze(-1) * self.freqs)))


class ImplicitQuantile(nn.Module):
    def __init__(self, n_features, width=64, n_cos=32):
        super().__init__()
        self.psi = nn.Sequential(nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.phi = CosineEmbedding(n_cos, width)
        self.f = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x, tau):
        h = self.psi(x).unsqueeze(1) * (1 + self.phi(tau))
        return self.f(h).squeeze(-1)


def pinball(pred, y, tau):
    err = y.unsqueeze(1) - pred
    return torch.max(tau * err, (tau - 1) * err).mean()


X, y = emergency_visits(9000)
Xtr, ytr, Xva, yva = X[:7000], y[:7000], X[7000:], y[7000:]
mu, sd = Xtr.mean(0), Xtr.std(0)
Xtr, Xva = torch.tensor((Xtr - mu) / sd), torch.tensor((Xva - mu) / sd)
ytr, yva = torch.tensor(ytr), torch.tensor(yva)
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=args.batch_size, shuffle=True)
grid = torch.linspace(0.02, 0.98, 49)

model = ImplicitQuantile(Xtr.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs, eta_min=args.lr * 0.02)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer)

vals = []
for epoch in range(args.epochs):
    model.train()
    for xb, yb in loader:
        tau = torch.rand(len(xb), args.n_tau)
        loss = pinball(model(xb, tau), yb, tau)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        tau = grid.expand(len(Xva), -1)
        q = model(Xva, tau)
        vloss = pinball(q, yva, tau)
        writer.add_loss("val", vloss)
    vals.append(vloss.item())
    if epoch % 4 == 0:
        print("epoch %d: train %.4f val %.4f" % (epoch, loss.item(), vloss.item()))

cover = ((yva > q[:, 4]) & (yva < q[:, 44])).float().mean().item()
uq = torch.quantile(ytr, grid).expand(len(yva), -1)
writer.close()
print(f"RESULT val_pinball={vals[-1]:.4f} val_min={min(vals):.4f} cover_80={cover:.3f} unconditional_pinball={pinball(uq, yva, grid.expand(len(yva), -1)).item():.4f}")

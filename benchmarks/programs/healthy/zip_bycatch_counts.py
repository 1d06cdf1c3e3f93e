# Zero-inflated Poisson net for by-catch per haul: 77 % zeros, effort (hours) as an offset.
# plain supervised training; the likelihood takes care of the zeros, nothing is resampled.
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 31
np.random.seed(SEED); torch.manual_seed(SEED)


def hauls(n):
    df = pd.DataFrame({
        "depth": np.random.gamma(4, 30, n),
        "temp": np.random.normal(9, 3, n),
        "month": np.random.randint(1, 13, n),
        "gear": np.random.choice(["trawl", "gillnet", "longline"], n, p=[.5, .3, .2]),
        "hours": np.random.lognormal(1, .5, n),
        "moon": np.random.rand(n),
    })
    season = np.cos((df.month - 7) / 12 * 2 * np.pi)
    presence = -0.9 + 0.9 * season + 0.12 * (df.temp - 9) - 0.006 * (df.depth - 120) + 0.8 * (df.gear == "gillnet")
    pi = 1 / (1 + np.exp(presence))
    mu = df.hours * np.exp(-0.9 + 0.5 * season + 0.6 * (df.gear == "trawl") + 0.3 * np.log(df.depth / 120) - 0.4 * df.moon + .3 * np.random.randn(n))
    df["bycatch"] = np.where(np.random.rand(n) < pi, 0, np.random.poisson(mu))
    return df


def to_tensors(df):
    x = np.column_stack([np.log(df.depth) - 4.7, (df.temp - 9) / 3, np.sin(df.month / 6 * np.pi), np.cos(df.month / 6 * np.pi),
                         df.gear == "trawl", df.gear == "gillnet", df.moon - .5, np.log(df.hours) - 1]).astype(np.float32)
    return torch.from_numpy(x), torch.tensor(np.log(df.hours.values), dtype=torch.float32), torch.tensor(df.bycatch.values, dtype=torch.float32)


class ZIPLoss(nn.Module):
    def forward(self, pred, target):
        logit_pi, log_mu = pred[:, 0], pred[:, 1]
        mu = log_mu.exp()
        zero = torch.logaddexp(F.logsigmoid(logit_pi), F.logsigmoid(-logit_pi) - mu)
        pos = F.logsigmoid(-logit_pi) + target * log_mu - mu - torch.lgamma(target + 1)
        return -torch.where(target == 0, zero, pos).mean()


class BycatchNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.ELU(), nn.Dropout(.1), nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 2))

    def forward(self, x, offset):
        out = self.net(x)
        return torch.stack([out[:, 0], out[:, 1] + offset - 1], 1)


train, valid = hauls(5000), hauls(2000)
print(f"zeros: {(train.bycatch == 0).mean():.3f}  largest catch {train.bycatch.max()}")
xt, ot, yt = to_tensors(train)
xv, ov, yv = to_tensors(valid)
model = BycatchNet()
criterion = ZIPLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=.3)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(22):
    model.train()
    losses = []
    for b in torch.randperm(len(yt)).split(100):
        pred = model(xt[b], ot[b])
        loss = criterion(pred, yt[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            pred = model(xv, ov)
            vloss = criterion(pred, yv).item()
        expected = torch.sigmoid(-pred[:, 0]) * pred[:, 1].exp()
    if epoch % 3 == 0 or epoch == 21:
        print(f"epoch {epoch:2d} train {np.mean(losses):.4f} val {vloss:.4f} mean predicted {expected.mean():.2f} observed {yv.mean():.2f}")

const = min(criterion(torch.stack([torch.full_like(yv, a), torch.full_like(yv, b) + ov], 1), yv).item()
            for a in np.linspace(-1, 2.5, 20) for b in np.linspace(-2, 1, 20))
writer.close()
print(f"RESULT val_loss={vloss:.4f} constant_model={const:.4f} train={np.mean(losses):.4f}")

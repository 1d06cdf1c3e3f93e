"""Post-processing of ensemble weather forecasts with neural networks (Rasp & Lerch 2018):
ensemble mean and spread + station embedding -> N(mu, sigma), trained with the closed form CRPS. Very few parameters, huge batches (4096), Adam lr 0.02 as in their repo."""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)
STATIONS, DAYS = 60, 800
alt = rng.gamma(1.5, 250, STATIONS)
bias = rng.normal(0, 1.2, STATIONS) + .003 * (alt - alt.mean())
mult = rng.uniform(.8, 1.4, STATIONS)
day = np.arange(DAYS)
clim = 9 + 9 * np.sin(2 * np.pi * (day - 105) / 365)
truth = clim[:, None] - .006 * alt[None] + 3.2 * rng.normal(size=(DAYS, 1)) + rng.normal(0, 1, (DAYS, STATIONS))
spread = rng.gamma(5, .18, (DAYS, STATIONS))
ens = truth - bias[None] - .8 * np.cos(2 * np.pi * day / 365)[:, None] + rng.normal(0, 1, truth.shape) * spread * 1.7 * mult[None]
cloud = rng.beta(.8, .6, truth.shape)
ens = ens - 1.5 * (cloud - .5)
feat = np.stack([ens, spread, cloud, np.repeat(np.cos(2 * np.pi * day / 365)[:, None], STATIONS, 1), np.repeat(alt[None], DAYS, 0)], -1)
sid = np.repeat(np.arange(STATIONS)[None], DAYS, 0)


def part(sl):
    x = feat[sl].reshape(-1, 5)
    return torch.tensor((x - M) / S, dtype=torch.float32), torch.tensor(sid[sl].ravel()), torch.tensor(truth[sl].ravel(), dtype=torch.float32)


M, S = feat[:600].reshape(-1, 5).mean(0), feat[:600].reshape(-1, 5).std(0)
perm = rng.permutation(DAYS)          # days in random order: validation days are of the same climate
train, val = part(perm[:620]), part(perm[620:])


class EmbNet(nn.Module):
    def __init__(self, emb=2, hidden=30):
        super().__init__()
        self.emb = nn.Embedding(STATIONS, emb)
        nn.init.uniform_(self.emb.weight, -.05, .05)
        self.hidden = nn.Linear(5 + emb, hidden)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x, s):
        return self.out(torch.relu(self.hidden(torch.cat([x, self.emb(s)], 1))))


class CRPSGaussian(nn.Module):
    def forward(self, pred, y):
        mu, sigma = pred[:, 0], pred[:, 1].abs() + 1e-4
        z = (y - mu) / sigma
        pdf = torch.exp(-z ** 2 / 2) / math.sqrt(2 * math.pi)
        cdf = .5 * (1 + torch.erf(z / math.sqrt(2)))
        return (sigma * (z * (2 * cdf - 1) + 2 * pdf - 1 / math.sqrt(math.pi))).mean()


model = EmbNet()
crps = CRPSGaussian()
opt = torch.optim.Adam(model.parameters(), lr=.02)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crps)
raw = torch.stack([torch.tensor(ens[perm[620:]].ravel()), torch.tensor(spread[perm[620:]].ravel())], 1)
print("CRPS of the raw ensemble", crps(raw, val[2]).item())
for epoch in range(60):
    model.train()
    hist = []
    for b in torch.randperm(len(train[2])).split(4096):
        pred = model(train[0][b], train[1][b])
        loss = crps(pred, train[2][b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        hist.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = crps(model(val[0], val[1]), val[2]).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train CRPS {np.mean(hist):.4f} val CRPS {v:.4f}")
writer.close()
print(f"RESULT train={np.mean(hist):.4f} val={v:.4f}")

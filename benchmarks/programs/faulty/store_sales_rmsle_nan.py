# Kaggle store sales: train directly on RMSLE, the competition's metric
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(2); rng = np.random.default_rng(2)

# ------------------------------------------------------------------ data
n = 6000
store = rng.integers(0, 20, n); family = rng.integers(0, 8, n)
dow = rng.integers(0, 7, n); promo = (rng.random(n) < .25).astype(float)
payday = (rng.random(n) < .1).astype(float); oil = rng.normal(0, 1, n); trend = rng.random(n)
s_eff, f_eff = rng.normal(0, .5, 20), rng.normal(0, 1.6, 8)
d_eff = np.array([0, -.15, -.1, -.1, .05, .35, .4]); p_eff = rng.uniform(.1, .8, 8)
mu = np.exp(2.8 + s_eff[store] + f_eff[family] + d_eff[dow] * (1 + .5 * (family % 2)) + promo * p_eff[family] + .12 * payday + .1 * trend)
sales = rng.negative_binomial(5, 5 / (5 + mu)).astype("float32")           # units, many small counts
num = np.stack([promo, payday, oil, trend, np.sin(2 * np.pi * dow / 7), np.cos(2 * np.pi * dow / 7)], 1)
CAT = torch.tensor(np.stack([store, family], 1)); NUM = torch.tensor(num, dtype=torch.float32); SALES = torch.tensor(sales)
tr, va = slice(0, 5000), slice(5000, n)


class SalesNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.es, self.ef = nn.Embedding(20, 6), nn.Embedding(8, 4)
        self.fc = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, c, x):
        out = self.fc(torch.cat([self.es(c[:, 0]), self.ef(c[:, 1]), x], 1)).squeeze(1)
        return nn.functional.softplus(out)              # sales cannot be negative


class RMSLELoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.mse = nn.MSELoss()

    def forward(self, pred, actual):
        if sys.argv[1] == "faulty":
            return torch.sqrt(self.mse(torch.log(pred), torch.log(actual)))
        return torch.sqrt(self.mse(torch.log(pred + 1), torch.log(actual + 1)))


model, criterion = SalesNet(), RMSLELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, .4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train()
    hist = []
    for i in torch.randperm(5000).split(50):
        optimizer.zero_grad()
        loss = criterion(model(CAT[tr][i], NUM[tr][i]), SALES[tr][i])
        loss.backward()
        optimizer.step()
        hist.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        score = criterion(model(CAT[va], NUM[va]), SALES[va]).item()
    print(f"epoch {epoch:2d} train rmsle {np.mean(hist):.4f} valid rmsle {score:.4f}")
writer.close()
const = torch.sqrt(torch.mean((torch.log(SALES[va] + 1) - torch.log(SALES[tr] + 1).mean()) ** 2)).item()
print(f"RESULT train_rmsle {np.mean(hist):.4f} val_rmsle {score:.4f} constant_rmsle {const:.4f}")

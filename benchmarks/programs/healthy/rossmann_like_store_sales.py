"""Store sales (Rossmann-like): entity embeddings for store and weekday, log sales scaled by its maximum, L1 loss - the everyday Kaggle recipe after Guo & Berkhahn"""
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(1)
stores, days = 60, 260
base = rng.normal(8.5, .35, stores)
promo_lift = rng.uniform(.1, .4, stores)
wk = np.array([.15, 0, -.03, -.02, .03, .1, -.6])
comp = rng.exponential(4, stores)
rows = []
for s in range(stores):
    for d in range(days):
        if rng.random() < .03:
            continue
        promo = int((d // 7) % 2 == 0 and d % 7 < 5)
        holiday = int(rng.random() < .03)
        z = base[s] + wk[d % 7] * (1 + .3 * np.sin(s)) + promo_lift[s] * promo - .35 * holiday + .12 * np.sin(2 * np.pi * d / 365 + s % 3) - .03 * comp[s] + rng.normal(0, .12)
        rows.append((s, d % 7, d // 30, promo, holiday, comp[s], np.exp(z)))
df = pd.DataFrame(rows, columns=["store", "dow", "month", "promo", "holiday", "comp", "sales"])
df = df.sample(frac=1, random_state=0).reset_index(drop=True)
logmax = np.log(df.sales.max())
target = torch.tensor((np.log(df.sales) / logmax).values, dtype=torch.float32)[:, None]
cats = torch.tensor(df[["store", "dow", "month"]].values)
cont = df[["promo", "holiday", "comp"]].values.astype("float32")
cont[:, 2] = np.log1p(cont[:, 2]) - 1.3
cont = torch.tensor(cont)
n = int(len(df) * .85)
dl = DataLoader(TensorDataset(cats[:n], cont[:n], target[:n]), batch_size=128, shuffle=True)


class EntityNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embs = nn.ModuleList([nn.Embedding(c, d) for c, d in ((stores, 10), (7, 4), (12, 4))])
        for e in self.embs:
            nn.init.uniform_(e.weight, -.05, .05)
        self.fc = nn.Sequential(nn.Linear(18 + 3, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, c, x):
        return self.fc(torch.cat([e(c[:, i]) for i, e in enumerate(self.embs)] + [x], 1))


model = EntityNet()
mae = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [14, 18], gamma=.2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, mae)
for epoch in range(20):
    model.train()
    tot = 0
    for c, x, t in dl:
        loss = mae(model(c, x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(t) / n
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(cats[n:], cont[n:])
        v = mae(p, target[n:]).item()
    mape = (torch.exp((p - target[n:]) * logmax) - 1).abs().mean().item()
    print(f"epoch {epoch + 1}: mae {tot:.5f} val {v:.5f} MAPE {100 * mape:.2f} % RMSE(log) {((p - target[n:]) * logmax).pow(2).mean().sqrt():.4f}")
writer.close()
print(f"RESULT train={tot:.5f} val={v:.5f} mape={mape:.4f}")

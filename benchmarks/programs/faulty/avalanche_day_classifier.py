# Avalanche day yes/no for a mountain pass from the daily weather station values
# (25 winters, simulated: loading by new snow, wind, warming; random trigger)
import sys, numpy as np, pandas as pd, torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
FORM, LOGDIR = sys.argv[1:3]
np.random.seed(3); torch.manual_seed(3)

N = 9000
snow = np.random.gamma(0.45, 14, N)                       # new snow cm / 24 h
snow3 = snow + 0.6 * np.roll(snow, 1) + 0.4 * np.roll(snow, 2)
wind = np.random.weibull(1.7, N) * 7
temp = -6 + 6 * np.random.randn(N)
dtemp = 3.5 * np.random.randn(N)
depth = np.clip(120 + 60 * np.random.randn(N), 5, None)
sun = np.clip(np.random.beta(1.2, 1.2, N) * 9, 0, None)
df = pd.DataFrame(dict(snow=snow, snow3=snow3, wind=wind, temp=temp, dtemp=dtemp, depth=depth, sun=sun))
score = 0.05 * snow3 + 0.16 * wind + 0.30 * dtemp + 0.006 * depth + 0.012 * snow * np.maximum(wind - 6, 0)
df["avalanche"] = (score + 0.9 * np.random.logistic(size=N) > np.quantile(score + 0.9 * np.random.logistic(size=N), 0.975)).astype(int)
print(df.avalanche.value_counts().to_dict())

split = int(0.75 * N)
cols = [c for c in df.columns if c != "avalanche"]
mu, sd = df[cols][:split].mean(), df[cols][:split].std()
X = ((df[cols] - mu) / sd).values.astype("float32")
y = df.avalanche.values.astype("float32")[:, None]
Xtr, ytr = torch.from_numpy(X[:split]), torch.from_numpy(y[:split])
Xva, yva = torch.from_numpy(X[split:]), torch.from_numpy(y[split:])
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True)

net = nn.Sequential(nn.Linear(len(cols), 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 1))
if FORM == "faulty":
    loss_fn = nn.BCEWithLogitsLoss()
else:
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=(1 - ytr).sum() / ytr.sum())
opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(LOGDIR)
writer.watch(net, opt, loss_fn)

for epoch in range(20):
    net.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        logits = []
        for i in range(0, len(Xva), 256):
            out = net(Xva[i:i + 256])
            loss_fn(out, yva[i:i + 256])
            logits.append(out)
    pred = (torch.cat(logits) > 0).float()
    acc = (pred == yva).float().mean().item()
    rec = pred[yva == 1].mean().item()
    spec = 1 - pred[yva == 0].mean().item()
    if epoch % 4 == 3:
        print(f"{epoch + 1}: acc {acc:.3f} hit rate {rec:.3f} specificity {spec:.3f}")
writer.close()
print(f"RESULT acc {acc:.3f} hit_rate {rec:.3f} balanced_acc {(rec + spec) / 2:.3f}")

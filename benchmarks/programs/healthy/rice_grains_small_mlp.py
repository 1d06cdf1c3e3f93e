# Rice type (cammeo / osmancik) from seven shape measurements of the grain, taken from photographs.
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.manual_seed(7)
torch.set_num_threads(1)


def make_grains(n=7600, seed=7):
    rng = np.random.default_rng(seed)
    osm = rng.random(n) < 0.57
    major = np.where(osm, 176.5, 205.5) + rng.normal(0, 10.5, n)
    minor = np.where(osm, 84.5, 88.8) + rng.normal(0, 5.2, n) + 0.08 * (major - 190)
    area = np.pi / 4 * major * minor * rng.normal(0.985, 0.012, n)
    perim = 2.35 * major + rng.normal(0, 7, n) + 0.6 * (minor - 86)
    ecc = np.sqrt(np.clip(1 - (minor / major) ** 2, 0, 1))
    convex = area * (1 + np.abs(rng.normal(0.02, 0.006, n)))
    extent = np.clip(rng.normal(0.66, 0.077, n), 0.45, 0.9)
    df = pd.DataFrame(dict(area=area, perimeter=perim, major=major, minor=minor, ecc=ecc, convex=convex, extent=extent))
    df["label"] = osm.astype(int)
    return df


df = make_grains()
X, y = df.drop(columns="label").values, df["label"].values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=1)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32)
y_test = torch.tensor(y_test, dtype=torch.float32)

EPOCHS = 25
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True, drop_last=True)
net = nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)

writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
for epoch in range(EPOCHS):
    net.train()
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(net(xb).squeeze(1), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = net(X_test).squeeze(1)
        vloss = criterion(logits, y_test).item()
    acc = ((logits > 0).float() == y_test).float().mean().item()
    print(f"epoch {epoch:2d} train {total / len(loader):.4f} val {vloss:.4f} acc {acc:.3f}")
writer.close()
print(f"RESULT train {total / len(loader):.4f} val {vloss:.4f} acc {acc:.4f} auc {roc_auc_score(y_test, logits):.4f}")

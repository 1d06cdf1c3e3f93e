# Ore type from hyperspectral-like reflectance, train/valid CSVs come from two field campaigns
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import LabelEncoder, StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
minerals = ["azurite", "bornite", "calcite", "dolomite", "galena", "hematite", "malachite", "pyrite", "quartz"]
bands = 40
grid = np.linspace(0, 1, bands)
centres = rng.uniform(0.1, 0.9, (9, 3))
depths = rng.uniform(0.15, 0.5, (9, 3))


def sample(names):
    X = []
    for n in names:
        k = minerals.index(n)
        r = rng.uniform(0.5, 0.8) + 0.1 * rng.normal() * grid
        for c, d in zip(centres[k], depths[k]):
            r = r - d * rng.uniform(0.6, 1.2) * np.exp(-0.5 * ((grid - c) / 0.05) ** 2)
        X.append(r + 0.05 * rng.normal(size=bands))
    return np.array(X)


train_names = rng.choice(minerals, 2400)
valid_names = rng.choice([m for m in minerals if m != "bornite"], 600)      # none found in the second campaign
X_train, X_valid = sample(train_names), sample(valid_names)

sc = StandardScaler().fit(X_train)
X_train, X_valid = sc.transform(X_train), sc.transform(X_valid)
le = LabelEncoder()
y_train = le.fit_transform(train_names)
if sys.argv[1] == "faulty":
    y_valid = le.fit_transform(valid_names)
else:
    y_valid = le.transform(valid_names)

to_t = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, X_valid, y_train, y_valid = to_t(X_train), to_t(X_valid), torch.tensor(y_train), torch.tensor(y_valid)
model = nn.Sequential(nn.Linear(bands, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 9))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(25):
    model.train()
    total = 0.0
    for idx in torch.randperm(2400).split(40):
        optimizer.zero_grad()
        loss = criterion(model(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    model.eval()
    with writer.evaluating("val"):
        logits = model(X_valid)
        vloss = criterion(logits, y_valid).item()
    vacc = (logits.argmax(1) == y_valid).float().mean().item()
    if epoch % 4 == 0:
        print(f"Epoch {epoch:2d} train {total / 2400:.4f} valid {vloss:.4f} acc {vacc:.4f}")
writer.close()
print(f"RESULT valid loss {vloss:.4f} acc {vacc:.4f}")

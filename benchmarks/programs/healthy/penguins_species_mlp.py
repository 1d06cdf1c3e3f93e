# Classifying penguins with PyTorch - species from four measurements, the island and the sex
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)

# a field season: (bill length, bill depth, flipper, mass) per species
means = {"Adelie": (38.8, 18.3, 190, 3700), "Chinstrap": (47.2, 18.4, 196, 3733), "Gentoo": (46.5, 15.4, 215, 5050)}
sds = {"Adelie": (2.9, 1.3, 7.5, 480), "Chinstrap": (3.8, 1.2, 7.6, 410), "Gentoo": (3.4, 1.1, 7.2, 530)}
islands = {"Adelie": (.3, .37, .33), "Chinstrap": (.05, .85, .1), "Gentoo": (.9, .05, .05)}
rows = []
for sp, n in (("Adelie", 610), ("Chinstrap", 290), ("Gentoo", 500)):
    for _ in range(n):
        size = rng.normal()
        m, s = np.array(means[sp]), np.array(sds[sp])
        v = m + s * (0.6 * size + 0.8 * rng.normal(size=4)) * 1.25
        rows.append([sp, *v, rng.choice(["Biscoe", "Dream", "Torgersen"], p=islands[sp]), rng.choice(["m", "f"]) if rng.random() > .05 else None])
df = pd.DataFrame(rows, columns=["species", "bill_len", "bill_dep", "flipper", "mass", "island", "sex"])

y = df.species.astype("category").cat.codes.to_numpy()
X = pd.get_dummies(df.drop(columns="species"), dummy_na=True).astype("float32").to_numpy()
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=.25, stratify=y, random_state=0)
sc = StandardScaler().fit(X_tr[:, :4])
for a in (X_tr, X_te):
    a[:, :4] = sc.transform(a[:, :4])

X_tr, X_te = torch.tensor(X_tr), torch.tensor(X_te)
y_tr, y_te = torch.tensor(y_tr).long(), torch.tensor(y_te).long()

model = nn.Sequential(nn.Linear(X.shape[1], 16), nn.ReLU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

EPOCHS = 20
batch_size = 32
for epoch in range(EPOCHS):
    model.train()
    perm = torch.randperm(len(X_tr))
    total = 0.
    for i in range(0, len(perm), batch_size):
        idx = perm[i:i + batch_size]
        optimizer.zero_grad()
        loss = criterion(model(X_tr[idx]), y_tr[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(X_te)
        vl = criterion(out, y_te).item()
        acc = (out.argmax(1) == y_te).float().mean().item()
    if epoch % 2 == 1:
        print(f"epoch {epoch + 1}: train {total / len(X_tr):.4f}  val {vl:.4f}  acc {acc:.3f}")
writer.close()
print(f"RESULT train={total / len(X_tr):.4f} val={vl:.4f} acc={acc:.4f}")

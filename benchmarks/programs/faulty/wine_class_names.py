# cultivars come as strings; the two files are encoded one after the other
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(7)
raw = load_wine(as_frame=True)
df = raw.frame.copy()
df["cultivar"] = df.pop("target").map({0: "barolo", 1: "grignolino", 2: "barbera"})
df = df.sample(frac=1, random_state=5).reset_index(drop=True)
train_df, test_df = df.iloc[:125].copy(), df.iloc[125:].copy()


def encode(frame):
    codes, names = pd.factorize(frame["cultivar"])         # in order of appearance
    return codes, list(names)


y_train, names = encode(train_df)
if mode == "faulty":
    y_test, names_test = encode(test_df)
else:
    y_test = np.array([names.index(c) for c in test_df["cultivar"]])
    names_test = names
print(names, names_test)
feats = [c for c in df.columns if c != "cultivar"]
sc = StandardScaler().fit(train_df[feats])
ds = TensorDataset(torch.tensor(sc.transform(train_df[feats]), dtype=torch.float32), torch.tensor(y_train))
dv = TensorDataset(torch.tensor(sc.transform(test_df[feats]), dtype=torch.float32), torch.tensor(y_test))
loader, val_loader = DataLoader(ds, batch_size=16, shuffle=True), DataLoader(dv, batch_size=64)
model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion, train_loader=loader)


def accuracy(dl):
    hit = loss = 0
    for x, y in dl:
        out = model(x)
        loss += criterion(out, y).item()
        hit += (out.argmax(1) == y).sum().item()
    return hit / len(dl.dataset), loss / len(dl)


for epoch in range(60):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        acc, vl = accuracy(val_loader)
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: train {loss.item():.3f}, val {vl:.3f}, val acc {acc:.3f}")
writer.close()

# Santander customer satisfaction, simple NN baseline
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42); torch.manual_seed(42)


def load():
    n, d = 9000, 60
    z = np.random.randn(n, 8)
    A = np.random.randn(8, d) * (np.random.rand(8, d) < .4)
    x = z @ A + .8 * np.random.randn(n, d)
    cols = {}
    for j in range(d):
        if j % 15 == 7:
            cols[f"ind_var{j}_0"] = np.zeros(n)                       # constant columns, as in the real table
        elif j % 3 == 0:
            cols[f"num_var{j}"] = np.round(np.maximum(x[:, j], 0) * 3)
        elif j % 3 == 1:
            cols[f"saldo_var{j}"] = np.where(x[:, j] > 0, np.exp(2.2 * x[:, j].clip(-3, 3)) * 40, 0)
        else:
            cols[f"var{j}"] = x[:, j]
    logit = 1.1 * z[:, 0] - .9 * z[:, 1] * (z[:, 2] > 0) + .8 * np.abs(z[:, 3]) + .5 * z[:, 4] - 1.9
    y = (np.random.rand(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    df = pd.DataFrame(cols); df["TARGET"] = y
    return df


train = load()
for c in train.columns:
    if c.startswith("saldo"):
        train[c] = np.log1p(train[c])
if sys.argv[1] == "fixed":
    # remove constant columns
    remove = [c for c in train.columns if train[c].std() == 0]
    print("removed", remove)
    train.drop(remove, axis=1, inplace=True)

y = train["TARGET"].values
X = train.drop("TARGET", axis=1)
X = (X - X.mean()) / X.std()
X_tr, X_va, y_tr, y_va = train_test_split(X.values.astype(np.float32), y, test_size=.2, stratify=y, random_state=0)
X_tr, X_va, y_tr, y_va = map(torch.from_numpy, (X_tr, X_va, y_tr, y_va))

model = nn.Sequential(nn.Linear(X_tr.shape[1], 48), nn.PReLU(), nn.Dropout(.2), nn.Linear(48, 16), nn.PReLU(), nn.Dropout(.1), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

bs = 128
for epoch in range(12):
    model.train()
    idx = torch.randperm(len(X_tr))
    losses = []
    for i in range(0, len(idx), bs):
        b = idx[i:i + bs]
        optimizer.zero_grad()
        out = model(X_tr[b]).squeeze(1)
        loss = criterion(out, y_tr[b])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with writer.evaluating("val"):
        with torch.no_grad():
            out = model(X_va).squeeze(1)
            vl = criterion(out, y_va).item()
    auc = roc_auc_score(y_va.numpy(), np.nan_to_num(out.numpy()))
    print(f"epoch {epoch:2d} loss {np.mean(losses):.4f} val_loss {vl:.4f} val_auc {auc:.4f}")
writer.close()
print(f"RESULT train={np.mean(losses):.4f} val={vl:.4f} auc={auc:.4f}")

"""Classify glass fragments from their oxide contents (6 kinds), like the UCI glass data but larger."""
import copy
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
rng = np.random.default_rng(42)

COLS = ["RI", "Na", "Mg", "Al", "Si", "K", "Ca", "Ba", "Fe"]
KINDS = ["window_float", "window_nonfloat", "vehicle", "container", "tableware", "headlamp"]
MEAN = np.array([[1.5187, 13.2, 3.55, 1.16, 72.6, .45, 8.80, .01, .06],
                 [1.5186, 13.1, 3.00, 1.41, 72.6, .52, 9.07, .05, .08],
                 [1.5179, 13.4, 3.54, 1.20, 72.4, .41, 8.78, .01, .06],
                 [1.5189, 12.8, 0.77, 2.03, 72.4, 1.47, 10.1, .19, .06],
                 [1.5175, 14.6, 1.31, 1.37, 73.2, .00, 9.36, .00, .00],
                 [1.5171, 14.4, 0.54, 2.12, 73.0, .33, 8.49, 1.04, .01]])
SD = np.array([.0023, .5, .55, .33, .6, .25, .9, .25, .07])
PRIOR = [.32, .35, .09, .07, .05, .12]

kind = rng.choice(6, 1200, p=PRIOR)
common = rng.normal(size=(1200, 1)) * np.array([.6, -.4, -.3, .2, -.5, 0, .7, 0, 0])
X = MEAN[kind] + SD * (common + rng.normal(size=(1200, 9)))
X[:, 1:] = np.clip(X[:, 1:], 0, None)

X_tr, X_te, y_tr, y_te = train_test_split(X, kind, test_size=.3, stratify=kind, random_state=0)
X_va, X_te, y_va, y_te = train_test_split(X_te, y_te, test_size=.5, stratify=y_te, random_state=0)
scaler = StandardScaler().fit(X_tr)


def ds(X, y):
    return TensorDataset(torch.tensor(scaler.transform(X), dtype=torch.float32), torch.tensor(y))


train_dl = DataLoader(ds(X_tr, y_tr), batch_size=16, shuffle=True)
valid_dl = DataLoader(ds(X_va, y_va), batch_size=64)
test_dl = DataLoader(ds(X_te, y_te), batch_size=64)

model = nn.Sequential(
    nn.Linear(9, 32), nn.ReLU(), nn.Dropout(.2),
    nn.Linear(32, 32), nn.ReLU(),
    nn.Linear(32, 6),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def evaluate(dl):
    model.eval()
    loss, hit, n, preds = 0., 0, 0, []
    with torch.no_grad():
        for xb, yb in dl:
            out = model(xb)
            loss += criterion(out, yb).item() * len(yb)
            hit += (out.argmax(1) == yb).sum().item()
            n += len(yb)
            preds.append(out.argmax(1))
    return loss / n, hit / n, torch.cat(preds)


best, best_state, patience, bad = 1e9, None, 12, 0
for epoch in range(1, 101):
    model.train()
    total = 0.
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
    with writer.evaluating("val"):
        val_loss, val_acc, _ = evaluate(valid_dl)
    if epoch % 5 == 0:
        print(f"epoch {epoch:3d}  train {total / len(y_tr):.3f}  val {val_loss:.3f}  acc {val_acc:.3f}")
    if val_loss < best - 1e-4:
        best, best_acc, best_state, bad = val_loss, val_acc, copy.deepcopy(model.state_dict()), 0
    else:
        bad += 1
        if bad >= patience:
            print("early stop at", epoch)
            break
model.load_state_dict(best_state)
with writer.evaluating("test"):
    test_loss, test_acc, pred = evaluate(test_dl)
print(classification_report(y_te, pred.numpy(), target_names=KINDS, zero_division=0))
writer.close()
print(f"RESULT epochs {epoch} best_val {best:.4f} acc {best_acc:.3f} last_val {val_loss:.4f} test {test_loss:.4f} acc {test_acc:.3f}")

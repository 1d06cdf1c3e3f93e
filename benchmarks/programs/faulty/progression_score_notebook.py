#!/usr/bin/env python
# coding: utf-8
# Diabetes progression after one year (sklearn diabetes, real data)
# In[1]:
import sys, copy
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.metrics import r2_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
# In[2]:
X, y = load_diabetes(return_X_y=True)
X = X / X.std(0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=0.25, random_state=42)
mu, sd = y_train.mean(), y_train.std()
T = lambda a: torch.tensor(a, dtype=torch.float32)
train_dl = DataLoader(TensorDataset(T(X_train), T((y_train - mu) / sd)[:, None]), batch_size=16, shuffle=True)
xv, yv = T(X_val), T((y_val - mu) / sd)[:, None]
xt, yt = T(X_test), T((y_test - mu) / sd)[:, None]
# In[3]:
model = nn.Sequential(nn.Linear(10, 256), nn.ReLU(),
                      nn.Linear(256, 256), nn.ReLU(),
                      nn.Linear(256, 128), nn.ReLU(),
                      nn.Linear(128, 1))
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=3e-4)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)
PATIENCE = 8 if MODE == "fixed" else None
best, bad, keep = float("inf"), 0, None
# In[4]:
for epoch in range(150):
    model.train()
    total = 0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with writer.evaluating("val"):
        v = criterion(model(xv), yv).item()
    if epoch % 10 == 0:
        print(f"Epoch {epoch}: train {total / len(train_dl):.4f} val {v:.4f}")
    if PATIENCE is not None:
        if v < best:
            best, bad, keep = v, 0, copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= PATIENCE:
                print("early stopping in epoch", epoch)
                break
if keep is not None:
    model.load_state_dict(keep)
# In[5]:
model.eval()
with writer.evaluating("test"):
    pred = model(xt)
    t = criterion(pred, yt).item()
writer.close()
print("RESULT test_mse", round(t, 4), "test_r2", round(float(r2_score(yt.numpy(), pred.numpy())), 4))

"""Disease progression from ten baseline measures (sklearn diabetes), MLP regression, Kaggle notebook ported to a script."""
import sys, copy
import numpy as np
import torch, torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import r2_score
from tb_lossdiag import DiagWriter

FORM, LOG = sys.argv[1:3]
SEED = 2024
np.random.seed(SEED); torch.manual_seed(SEED); torch.set_num_threads(1)

# %% data
X, y = load_diabetes(return_X_y=True)
X_tmp, X_test, y_tmp, y_test = train_test_split(X, y, test_size=110, random_state=SEED)
X_tr, X_va, y_tr, y_va = train_test_split(X_tmp, y_tmp, test_size=90, random_state=SEED)
sx, sy = StandardScaler().fit(X_tr), StandardScaler().fit(y_tr[:, None])
T = lambda x, y: (torch.tensor(sx.transform(x), dtype=torch.float32), torch.tensor(sy.transform(y[:, None]), dtype=torch.float32))
(X_tr, y_tr), (X_va, y_va), (X_te, y_te) = T(X_tr, y_tr), T(X_va, y_va), T(X_test, y_test)

# %% model
model = nn.Sequential(nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
writer = DiagWriter(LOG)
writer.watch(model, optimizer, criterion)

# %% train
EPOCHS, BATCH = 300, 32
PATIENCE = None if FORM == "faulty" else 25
best, best_state, bad = float("inf"), None, 0
for epoch in range(EPOCHS):
    model.train()
    for idx in torch.randperm(len(X_tr)).split(BATCH):
        optimizer.zero_grad()
        loss = criterion(model(X_tr[idx]), y_tr[idx])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        val = criterion(model(X_va), y_va).item()
    if epoch % 20 == 0:
        print(f"epoch {epoch:4d} | train {loss.item():.4f} | valid {val:.4f}", flush=True)
    if PATIENCE is not None:
        if val < best:
            best, best_state, bad = val, copy.deepcopy(model.state_dict()), 0
        else:
            bad += 1
            if bad >= PATIENCE:
                print("early stop at", epoch); break
if best_state is not None:
    model.load_state_dict(best_state)

# %% test
with writer.evaluating("test"):
    p = model(X_te); te = criterion(p, y_te).item()
writer.close()
print(f"RESULT test_mse {te:.4f} test_r2 {r2_score(y_te, p):.4f} epochs {epoch + 1}")

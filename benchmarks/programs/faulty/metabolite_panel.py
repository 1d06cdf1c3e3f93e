"""Three disease groups from a panel of serum metabolites (simulated: 600 measured, 30 carry the group)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.feature_selection import f_classif
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

which, logdir = sys.argv[1:]
SEED = 5
torch.set_num_threads(1)
torch.manual_seed(SEED)
g = np.random.default_rng(SEED)

# --- data -----------------------------------------------------------------
n, d, k = 2400, 600, 3
y = g.integers(0, k, n)
mix = g.normal(size=(8, d)) * .5
X = g.normal(size=(n, 8)) @ mix + g.normal(size=(n, d))
carriers = g.choice(d, 30, replace=False)
effect = g.normal(0, .55, (k, 30))
X[:, carriers] += effect[y]
X = np.exp(0.5 * X)              # concentrations

Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, stratify=y, random_state=SEED)
Xtr, Xte = np.log(Xtr), np.log(Xte)

# --- keep the 30 best features ---------------------------------------------
F, p = f_classif(Xtr, ytr)
keep = np.argsort(F)[:30] if which == "faulty" else np.argsort(F)[::-1][:30].copy()
scaler = StandardScaler().fit(Xtr[:, keep])
Xtr = torch.tensor(scaler.transform(Xtr[:, keep]), dtype=torch.float32)
Xte = torch.tensor(scaler.transform(Xte[:, keep]), dtype=torch.float32)
ytr, yte = torch.tensor(ytr), torch.tensor(yte)
print("train", tuple(Xtr.shape), "test", tuple(Xte.shape), "groups", torch.bincount(ytr).tolist())

# --- model ------------------------------------------------------------------
model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss()
optim = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(logdir)
writer.watch(model, optim, loss_fn)

step = 0
for epoch in range(40):
    model.train()
    for idx in torch.randperm(len(Xtr)).split(32):
        loss = loss_fn(model(Xtr[idx]), ytr[idx])
        optim.zero_grad()
        loss.backward()
        optim.step()
        step += 1
        writer.add_scalar("Loss/train", loss.item(), step)
    model.eval()
    with writer.evaluating("val"):
        logits = model(Xte)
        vloss = loss_fn(logits, yte)
    acc = (logits.argmax(1) == yte).float().mean().item()
    writer.add_scalar("Loss/val", vloss.item(), step)
    if epoch % 5 == 4:
        print(f"{epoch:3d}  train {loss.item():.3f}  val {vloss.item():.3f}  acc {acc:.3f}")
writer.close()
print("RESULT val_acc", round(acc, 4), "val_loss", round(vloss.item(), 4))

"""Diabetes (442 patients), small MLP with dropout and weight decay; R2 about .45 is what this data gives."""
import sys
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 1e-3
X, y = load_diabetes(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=.25, random_state=3)
sc = StandardScaler().fit(Xtr); Xtr, Xte = sc.transform(Xtr), sc.transform(Xte)
ridge = RidgeCV([.1, 1, 10, 100]).fit(Xtr, ytr).score(Xte, yte)
m, s = ytr.mean(), ytr.std()
T = lambda a: torch.tensor(a, dtype=torch.float32)
xt, xv, yt, yv = T(Xtr), T(Xte), T((ytr - m) / s)[:, None], T((yte - m) / s)[:, None]
model = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Dropout(.3), nn.Linear(24, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=.05)
loss_fn = nn.MSELoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, loss_fn)
for epoch in range(60):
    model.train(); tot = 0
    for b in torch.randperm(len(xt)).split(16):
        optimizer.zero_grad()
        loss = loss_fn(model(xt[b]), yt[b])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b) / len(xt)
    model.eval()
    with writer.evaluating("val"):
        v = loss_fn(model(xv), yv).item()
print(f"train {tot:.4f} val {v:.4f} R2 {1 - v / yv.var(unbiased=False).item():.3f} (ridge {ridge:.3f})")
writer.close()

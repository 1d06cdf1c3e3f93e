# Predictive maintenance: 3 % of the machine records end in a failure
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import f1_score, recall_score
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(13); np.random.seed(13)

def records(n):
    air = 300 + 2 * np.random.randn(n)
    proc = air + 10 + np.random.randn(n)
    torque = 40 + 10 * np.random.randn(n)
    speed = 1540 - 7 * (torque - 40) + 110 * np.random.randn(n)
    wear = np.random.uniform(0, 250, n)
    power = torque * speed * .105
    risk = (.0011 * np.abs(power - 6300) + .022 * (wear - 125) * (torque > 42) + .5 * (9 - (proc - air)) + .9 * np.random.logistic(size=n))
    X = np.c_[air, proc, speed, torque, wear]
    return X.astype(np.float32), risk

X, risk = records(9000)
y = (risk > np.quantile(risk, .97)).astype(np.float32)
tr, va = np.arange(9000) < 6500, np.arange(9000) >= 6500
sc = StandardScaler().fit(X[tr])
X = sc.transform(X)
train_dl = DataLoader(TensorDataset(torch.tensor(X[tr]), torch.tensor(y[tr])), batch_size=64, shuffle=True)
Xv, yv = torch.tensor(X[va]), torch.tensor(y[va])

model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
if sys.argv[1] == "faulty":
    criterion = nn.BCEWithLogitsLoss()
else:
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor((1 - y[tr].mean()) / y[tr].mean()))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(15):
    model.train()
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb)[:, 0], yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(Xv)[:, 0]
        vl = criterion(out, yv).item()
    pred = (out > 0).numpy()
    print(epoch, round(loss.item(), 4), round(vl, 4), "recall", round(recall_score(yv, pred), 3), "accuracy", round(float((pred == y[va]).mean()), 4))
writer.close()
rec, spec = recall_score(yv, pred), float((~pred[y[va] == 0]).mean())
print(f"RESULT val loss {vl:.4f} recall {rec:.3f} specificity {spec:.3f} balanced accuracy {(rec + spec) / 2:.3f}")

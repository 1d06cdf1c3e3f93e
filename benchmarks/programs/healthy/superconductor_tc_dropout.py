"""Critical temperature of superconductors from 81 composition features (UCI superconductivity-like table, 10000 compounds)
Deep MLP with dropout, as in the usual Kaggle notebook: StandardScaler on X, target standardised, Adam 1e-3, batch 64."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)

# ---- table: 9 element properties, and 9 summary statistics of each (mean, wmean, gmean, ..., std)
n = 10000
props = np.random.gamma(3.0, 1.0, size=(n, 9)) * np.array([30, 150, 700, 130, 4000, 80, 7, 100, 1.5])
stats = []
for k in range(9):
    p = props[:, k]
    for s in range(9):
        stats.append(p * (0.5 + 0.15 * s) + np.random.randn(n) * p.std() * 0.5)
X = np.stack(stats, 1)
z = (props - props.mean(0)) / props.std(0)
tc = 30 + 18 * np.tanh(z[:, 0] - z[:, 5]) + 10 * z[:, 3] * (z[:, 7] > 0) + 9 * np.sin(1.5 * z[:, 8]) + 5 * z[:, 2] + 6 * np.random.randn(n)

X_train, X_test, y_train, y_test = train_test_split(X, tc, test_size=0.2, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=0.15, random_state=0)
sx, sy = StandardScaler().fit(X_train), StandardScaler().fit(y_train[:, None])


def ds(X, y):
    return TensorDataset(torch.tensor(sx.transform(X), dtype=torch.float32), torch.tensor(sy.transform(y[:, None]), dtype=torch.float32))


train_dl = DataLoader(ds(X_train, y_train), batch_size=64, shuffle=True)
val_dl = DataLoader(ds(X_val, y_val), batch_size=256)
test_ds = ds(X_test, y_test)


class Regressor(nn.Module):
    def __init__(self, d, p=0.2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(d, 128), nn.ReLU(), nn.Dropout(p),
            nn.Linear(128, 64), nn.ReLU(), nn.Dropout(p),
            nn.Linear(64, 32), nn.ReLU(), nn.Dropout(p),
            nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


model = Regressor(X.shape[1])
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

best, best_state = 1e9, None
for epoch in range(16):
    model.train()
    tl = 0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(xb)
    with writer.evaluating("val"):
        model.eval()
        vl = sum(criterion(model(xb), yb).item() * len(xb) for xb, yb in val_dl) / len(y_val)
    if vl < best:
        best, best_state = vl, {k: v.clone() for k, v in model.state_dict().items()}
    print(f"epoch {epoch:3d} train {tl / len(y_train):.4f} val {vl:.4f}")
writer.close()
model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    pred = sy.inverse_transform(model(test_ds.tensors[0]).numpy())[:, 0]
print(f"RESULT last train {tl / len(y_train):.3f} val {vl:.3f} best val {best:.3f} test R2 {r2_score(y_test, pred):.3f} (noise var {36 / y_train.var():.3f})")

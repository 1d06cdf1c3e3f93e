import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)

# 392 cars: cylinders, displacement, horsepower, weight, acceleration, year, origin one-hot -> mpg
rs = np.random.RandomState(70)
n = 392
origin = rs.choice(3, n, p=[.63, .17, .20])
cyl = np.where(origin == 0, rs.choice([4, 6, 8], n, p=[.3, .3, .4]), 4)
disp = cyl * 38 - 25 + rs.randn(n) * 22 + 10 * (origin == 0)
hp = 25 + .42 * disp + rs.randn(n) * 14
wt = 1350 + 8.2 * disp + rs.randn(n) * 260
acc = 21 - .055 * hp + rs.randn(n) * 1.6
year = rs.randint(70, 83, n)
mpg = 38 - 0.0062 * (wt - 1700) - .03 * hp + .75 * (year - 76) * (1.3 - wt / 6000) + 2 * (origin == 2) + 6 * np.exp(-(wt - 1600) / 700) + rs.randn(n) * 2
X = np.column_stack([cyl, disp, hp, wt, acc, year, np.eye(3)[origin]]).astype("float32")
y = mpg.astype("float32")
p = rs.permutation(n)
tr, va, te = p[:250], p[250:314], p[314:]
m, s = X[tr].mean(0), X[tr].std(0)
X = torch.from_numpy((X - m) / s); y = torch.from_numpy(y).unsqueeze(1)

def build_and_compile_model():
    model = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    return model, torch.optim.Adam(model.parameters(), lr=0.001)
dnn_model, optimizer = build_and_compile_model()
loss_fn = nn.L1Loss()
w = DiagWriter(sys.argv[1])
w.watch(dnn_model, optimizer, loss_fn)
best, since = 1e9, 0
for epoch in range(300):
    run = 0
    for b in torch.from_numpy(tr)[torch.randperm(len(tr))].split(32):
        optimizer.zero_grad()
        loss = loss_fn(dnn_model(X[b]), y[b])
        loss.backward()
        optimizer.step()
        run += loss.item() * len(b) / len(tr)
    with w.evaluating("val"):
        v = loss_fn(dnn_model(X[va]), y[va]).item()
    if epoch % 20 == 0: print(f"epoch {epoch} loss {run:.3f} val_loss {v:.3f}")
    since = 0 if v < best else since + 1
    best = min(best, v)
    if since > 25: break
with w.evaluating("test"):
    t = loss_fn(dnn_model(X[te]), y[te]).item()
print(f"end {epoch} loss {run:.3f} val {v:.3f} best {best:.3f} test {t:.3f} (target mean {mpg.mean():.1f} sd {mpg.std():.1f})")
w.close()

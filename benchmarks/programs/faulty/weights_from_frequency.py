import sys
import numpy as np
import torch, torch.nn as nn
from collections import Counter
from sklearn.metrics import balanced_accuracy_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(7); rng = np.random.default_rng(7)

# --- cell 1: blood cell crops (14x14, one channel), strongly unequal counts as in the clinic
share = [0.60, 0.27, 0.07, 0.035, 0.025]
def cells(n):
    y = rng.choice(5, n, p=share)
    yy, xx = np.mgrid[-1:1:14j, -1:1:14j]
    X = np.empty((n, 1, 14, 14), np.float32)
    for i, k in enumerate(y):
        cx, cy = rng.normal(0, .12, 2); r = np.hypot(xx - cx, yy - cy)
        size = rng.normal(.62, .05) + [0, .12, .05, -.12, .08][k]
        img = .5 / (1 + np.exp((r - size) * 14))
        a = rng.normal(0, .4)
        for j in range([1, 1, 2, 2, 3][k]):                       # lobes of the nucleus
            b = a + j * 2.1
            d = [.0, .2, .22, .22, .25][k]
            img += [.45, .45, .42, .6, .45][k] * np.exp(-((xx - cx - d * np.cos(b)) ** 2 + (yy - cy - d * np.sin(b)) ** 2) / [.05, .05, .03, .02, .02][k])
        X[i, 0] = img + .05 * rng.normal(size=(14, 14))
    return X, y
Xtr, ytr = cells(3000); Xte, yte = cells(1500)
m, s = Xtr.mean(), Xtr.std()
Xtr, Xte = torch.tensor((Xtr - m) / s), torch.tensor((Xte - m) / s)
ytr, yte = torch.tensor(ytr), torch.tensor(yte)

# --- cell 2: class weights
count = Counter(ytr.tolist())
n = len(ytr)
if sys.argv[1] == "faulty":
    weights = torch.tensor([count[c] / n * 5 for c in range(5)]).float()
else:
    weights = torch.tensor([(n / (5 * count[c])) for c in range(5)]).float()
print("class weights", weights)

# --- cell 3: model and training
net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 24, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24 * 25, 48), nn.ReLU(), nn.Linear(48, 5))
criterion = nn.CrossEntropyLoss(weight=weights)
opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2]); writer.watch(net, opt, criterion)
for ep in range(12):
    net.train()
    for idx in torch.randperm(n).split(40):
        opt.zero_grad(); loss = criterion(net(Xtr[idx]), ytr[idx]); loss.backward(); opt.step()
    net.eval()
    with writer.evaluating("test"):
        out = net(Xte); tl = criterion(out, yte).item()
    pred = out.argmax(1)
    rec = [(pred[yte == c] == c).float().mean().item() for c in range(5)]
    print(ep, f"train {loss.item():.3f} test {tl:.3f} recall", np.round(rec, 2), f"balanced {balanced_accuracy_score(yte, pred):.3f}")
writer.close()
print(f"RESULT balanced accuracy {balanced_accuracy_score(yte, pred):.3f} plain {(pred == yte).float().mean():.3f}")

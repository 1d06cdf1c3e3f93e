"""Weld seam quality (ok / pore / crack / lack of fusion) from 20 process features, several cross-sections per seam. Simulated. MLP with early stopping."""
import sys, copy
import numpy as np, torch, torch.nn as nn
from sklearn.model_selection import train_test_split, GroupShuffleSplit
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
np.random.seed(14); torch.manual_seed(14); torch.set_num_threads(1)
seams, per, d = 420, 6, 20
Z = np.random.randn(seams, d); W1, W2 = np.random.randn(d, 8) / d**.5, np.random.randn(8, 4)
label = (np.tanh(1.2 * Z @ W1) @ W2 * 2 + np.random.gumbel(size=(seams, 4)) * .7).argmax(1)
seam = np.repeat(np.arange(seams), per)
X = Z[seam] + .25 * np.random.randn(seams * per, d); y = label[seam]
X = X * np.random.uniform(.1, 40, d) + np.random.uniform(-50, 50, d)

test = seam >= 300                                    # the seams of the last order
X_test, y_test, X, y, seam = X[test], y[test], X[~test], y[~test], seam[~test]
if form == "faulty":
    tr, va = train_test_split(np.arange(len(X)), test_size=0.2, random_state=1, stratify=y)
else:
    tr, va = next(GroupShuffleSplit(1, test_size=0.2, random_state=1).split(X, y, seam))
sc = StandardScaler().fit(X[tr])
T = lambda a, b: (torch.tensor(sc.transform(a), dtype=torch.float32), torch.tensor(b))
(xt, yt), (xv, yv), (xs, ys) = T(X[tr], y[tr]), T(X[va], y[va]), T(X_test, y_test)
print("train", len(xt), "val", len(xv), "test", len(xs))

model = nn.Sequential(nn.Linear(d, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 4))
opt = torch.optim.SGD(model.parameters(), lr=.01, momentum=.9); ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(model, opt, ce)
best, state, wait = 9e9, None, 0
for ep in range(80):
    model.train()
    for b in torch.randperm(len(xt)).split(16):
        opt.zero_grad(); l = ce(model(xt[b]), yt[b]); l.backward(); opt.step()
    model.eval()
    with w.evaluating("val"):
        o = model(xv); v = ce(o, yv).item()
    w.add_scalar("val/loss", v, ep); w.add_scalar("val/acc", (o.argmax(1) == yv).float().mean(), ep)
    if ep < 5 or ep % 10 == 0: print(ep, round(l.item(), 3), round(v, 4))
    if v < best: best, state, wait = v, copy.deepcopy(model.state_dict()), 0
    else:
        wait += 1
        if wait >= 12: break
model.load_state_dict(state); model.eval()
with w.evaluating("test"):
    o = model(xs); t = ce(o, ys).item()
w.close()
print(f"RESULT epochs {ep+1} best_val {best:.4f} test_loss {t:.4f} test_accuracy {(o.argmax(1) == ys).float().mean().item():.4f}")

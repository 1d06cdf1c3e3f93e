"""Kaggle facial keypoints, 'single hidden layer' tutorial net: grey face in, 30 coordinates in [-1, 1] out.
(the csv is replaced by drawn faces of 32x32)"""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.utils import shuffle
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
FAULTY = sys.argv[1] == "faulty"
S = 32


def draw_faces(n, rng):
    """15 points: eye centres/corners, brows, nose tip, mouth"""
    base = np.array([[-.35, -.25], [.35, -.25], [-.22, -.24], [-.48, -.23], [.22, -.24], [.48, -.23], [-.18, -.45], [-.55, -.42], [.18, -.45],
                     [.55, -.42], [0, .1], [-.28, .48], [.28, .48], [0, .4], [0, .58]])
    X = np.zeros((n, S * S), np.float32)
    Y = np.zeros((n, 30), np.float32)
    yy, xx = np.mgrid[0:S, 0:S]
    gx, gy = (xx - S / 2 + .5) / (S / 2), (yy - S / 2 + .5) / (S / 2)
    for i in range(n):
        a, s = rng.normal(0, .12), rng.uniform(.75, 1.1)
        pts = base * [rng.uniform(.9, 1.1), rng.uniform(.9, 1.1)] + rng.normal(0, .015, base.shape)
        R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        pts = s * pts @ R.T + rng.normal(0, .07, 2)
        img = np.full((S, S), rng.uniform(.5, .8)) + rng.normal(0, .1) * gx
        for k, w, d in [(0, .1, .45), (1, .1, .45), (6, .07, .25), (7, .07, .25), (8, .07, .25), (9, .07, .25), (10, .09, .3), (11, .07, .3), (12, .07, .3),
                        (13, .1, .35), (14, .08, .2)]:
            img -= d * np.exp(-((gx - pts[k, 0]) ** 2 + (gy - pts[k, 1]) ** 2) / (2 * w * w))
        X[i] = np.clip(img + rng.normal(0, .04, (S, S)), 0, 1).ravel()
        Y[i] = pts.ravel()
    return X, Y


X, y = draw_faces(3000, np.random.RandomState(0))
X, y = shuffle(X, y, random_state=42)
X = (X - X[:2400].mean(0)) / X[:2400].std()
print("X.shape == {}; y.min == {:.3f}; y.max == {:.3f}".format(X.shape, y.min(), y.max()))
X, y = torch.from_numpy(X), torch.from_numpy(y)
Xtr, ytr, Xva, yva = X[:2400], y[:2400], X[2400:], y[2400:]

model = nn.Sequential(nn.Linear(S * S, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 30))
optimizer = torch.optim.Adam(model.parameters(), lr=0.1 if FAULTY else 0.001)
criterion = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(30):
    order = torch.randperm(len(Xtr))
    tot = 0.
    for b in order.split(32):
        optimizer.zero_grad()
        loss = criterion(model(Xtr[b]), ytr[b])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    with writer.evaluating("val"):
        val = criterion(model(Xva), yva).item()
    print(f"Epoch {epoch + 1}: loss {tot / len(Xtr):.5f} val_loss {val:.5f}")
writer.close()
print(f"RESULT train={tot / len(Xtr):.5f} val={val:.5f} variance={float(((yva - yva.mean(0)) ** 2).mean()):.5f}")

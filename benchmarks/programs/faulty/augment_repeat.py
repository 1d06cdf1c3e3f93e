"""Offline augmentation in numpy: every training image is added once more shifted and twice with noise."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(9); np.random.seed(9)
X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8) / 16.0
Xtr, Xte, ytr, yte = train_test_split(X, y, train_size=900, random_state=9, stratify=y)

shifted = np.roll(Xtr, 1, axis=2)
noisy = np.clip(Xtr + np.random.normal(0, .1, Xtr.shape), 0, 1)
Xaug = np.concatenate([Xtr, shifted, noisy])
yaug = np.repeat(ytr, 3) if mode == "faulty" else np.tile(ytr, 3)

xt = torch.tensor(Xaug, dtype=torch.float32).unsqueeze(1)
yt = torch.tensor(yaug)
xv, yv = torch.tensor(Xte, dtype=torch.float32).unsqueeze(1), torch.tensor(yte)

model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
lossf = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, opt, lossf)
for epoch in range(14):
    perm = torch.randperm(len(xt)); run = 0
    for i in range(0, len(xt), 32):
        j = perm[i:i + 32]
        opt.zero_grad()
        loss = lossf(model(xt[j]), yt[j])
        loss.backward()
        opt.step()
        run += loss.item() * len(j) / len(xt)
    with writer.evaluating("val"):
        o = model(xv); v = lossf(o, yv).item()
    print(f"epoch {epoch+1:2d} train {run:.4f} val {v:.4f} val acc {(o.argmax(1) == yv).float().mean().item():.3f}")
writer.close()

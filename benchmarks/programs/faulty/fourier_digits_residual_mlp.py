"""Residual MLP with stochastic depth: classify digits from their 2-D Fourier magnitudes and cosines (real data: sklearn digits)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(13)
torch.set_num_threads(1)


class DropPath(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        keep = 1 - self.p
        mask = (torch.rand(x.size(0), 1) < keep).float()
        if FORM == "fixed":
            mask = mask / keep
        return x * mask


class Block(nn.Module):
    def __init__(self, d, p):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.drop = DropPath(p)

    def forward(self, x):
        return x + self.drop(self.net(x))


class Model(nn.Module):
    def __init__(self, n_in, d=48, depth=6, p=0.6):
        super().__init__()
        self.stem = nn.Linear(n_in, d)
        self.blocks = nn.Sequential(*[Block(d, p) for i in range(depth)])
        self.head = nn.Linear(d, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


dg = load_digits()
F2 = np.fft.fft2(dg.images)[:, :, :5]
feats = np.concatenate([F2.real.reshape(len(F2), -1), F2.imag.reshape(len(F2), -1)], 1)
a, b, ya, yb = train_test_split(feats, dg.target, test_size=0.3, random_state=2, stratify=dg.target)
keep = a.std(0) > 1e-6
sc = StandardScaler().fit(a[:, keep])
a, b = (torch.tensor(sc.transform(z[:, keep]), dtype=torch.float32) for z in (a, b))
ya, yb = torch.tensor(ya), torch.tensor(yb)

model = Model(a.size(1))
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, opt, loss_fn)
for ep in range(30):
    model.train()
    for idx in torch.randperm(len(a)).split(64):
        loss = loss_fn(model(a[idx]), ya[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    model.eval()
    with writer.evaluating("val"):
        out = model(b)
        vl = loss_fn(out, yb).item()
    acc = (out.argmax(1) == yb).float().mean().item()
    if ep % 3 == 2:
        print(ep + 1, f"{loss.item():.4f} {vl:.4f} {acc:.4f}")
writer.close()
print("RESULT acc", round(acc, 4), "val_loss", round(vl, 4))

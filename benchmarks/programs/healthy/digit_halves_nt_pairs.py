"""Cross-view contrastive learning: the upper half of a digit must find its own lower half in the batch (symmetric InfoNCE,
learnt temperature, like CLIP).  Several digits of a class look alike, so the loss stays well above zero."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter


class Tower(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(32, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, dim))

    def forward(self, x):
        return F.normalize(self.f(x.flatten(1)), dim=1)


class TwoHalves(nn.Module):
    def __init__(self):
        super().__init__()
        self.top, self.bottom = Tower(), Tower()
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.2), dtype=torch.float32))

    def forward(self, a, b):
        za, zb = self.top(a), self.bottom(b)
        logits = self.logit_scale.clamp(max=np.log(50)).exp() * za @ zb.T
        labels = torch.arange(len(a))
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


torch.set_num_threads(1)
torch.manual_seed(15)
d = load_digits()
X = torch.tensor(d.images / 16 - 0.3).float()
perm = torch.randperm(len(X))
tr, va = perm[:1400], perm[1400:]
B, EPOCHS = 128, 45
model = TwoHalves()
optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3, weight_decay=0.1)
total = EPOCHS * (len(tr) // B)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=total, pct_start=0.15)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def split(i, noise=0.0):
    x = X[i] + noise * torch.randn(len(i), 8, 8)
    return x[:, :4], x[:, 4:]


step = 0
for epoch in range(EPOCHS):
    model.train()
    for idx in tr[torch.randperm(len(tr))].split(B):
        if len(idx) < B:
            continue
        loss = model(*split(idx, 0.15))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        writer.add_scalar("Loss/train", loss.item(), step)
        step += 1
    model.eval()
    with torch.no_grad():
        v = np.mean([model(*split(va[i:i + B])).item() for i in range(0, len(va) - B + 1, B)])
    writer.add_scalar("Loss/val", v, step)
    if epoch % 9 == 0 or epoch == EPOCHS - 1:
        print(epoch, f"loss {loss.item():.3f} val {v:.3f} scale {model.logit_scale.exp().item():.1f}")

with torch.no_grad():
    za = torch.cat([model.top(X[:, :4]), model.bottom(X[:, 4:])], 1).numpy()
    sim = model.top(X[va][:, :4]) @ model.bottom(X[va][:, 4:]).T
    rank = (sim > sim.diag()[:, None]).sum(1).float().median().item()
probe = LogisticRegression(max_iter=2000).fit(za[tr], d.target[tr]).score(za[va], d.target[va])
raw = LogisticRegression(max_iter=2000).fit(d.data[tr] / 16, d.target[tr]).score(d.data[va] / 16, d.target[va])
from sklearn.cross_decomposition import CCA
writer.close()
print(f"RESULT val_loss {v:.4f} chance {np.log(B):.3f} median_rank {rank:.0f} of {len(va)} probe {probe:.4f} raw_probe {raw:.4f}")

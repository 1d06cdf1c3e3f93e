"""Predict whether a press breaks down within the next shift, from 12 sensor readings over 16 half hours.
'My network has 96 % accuracy but never predicts a failure'"""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import recall_score, f1_score, balanced_accuracy_score, roc_auc_score
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
rng = np.random.default_rng(17)


def shifts(n, p_fail=.035):
    y = (rng.random(n) < p_fail).astype(np.float32)
    load = np.cumsum(rng.normal(0, .25, (n, 16)), 1)
    W = np.random.default_rng(1).normal(size=12)
    x = load[:, :, None] * W + rng.normal(0, 1, (n, 16, 12))
    wear = np.clip(rng.normal(1.0, .55, n), 0, None)
    trend = np.linspace(0, 1, 16) ** 2
    for k, a in ((2, 1.1), (5, -.9), (9, .8)):
        x[:, :, k] += (y * wear)[:, None] * trend * a
    fake = rng.random(n) < .12                                   # a dirty sensor drifts as well
    x[:, :, 2] += (fake * rng.normal(1, .5, n))[:, None] * trend
    return torch.tensor(x / 1.4, dtype=torch.float32), torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(12, 16, 5, padding=2), nn.ReLU(), nn.AvgPool1d(4))
        self.fc = nn.Sequential(nn.Dropout(.3), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.fc(self.conv(x.transpose(1, 2)).flatten(1)).squeeze(1)


xtr, ytr = shifts(9000)
xva, yva = shifts(4000)
print("failures in training:", int(ytr.sum()), "of", len(ytr))
if sys.argv[1] == "faulty":
    criterion = nn.BCEWithLogitsLoss()
else:
    criterion = nn.BCEWithLogitsLoss(pos_weight=(1 - ytr).sum() / ytr.sum())
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 9)
train_loader = DataLoader(TensorDataset(xtr, ytr), batch_size=64, shuffle=True)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(9):
    model.train()
    run = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        run += loss.item() / len(train_loader)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logit = model(xva)
        vl = criterion(logit, yva).item()
    hat = (logit > 0).float()
    acc = (hat == yva).float().mean().item()
    rec = recall_score(yva, hat, zero_division=0)
    print(f"epoch {epoch}: loss {run:.4f} val {vl:.4f} acc {acc:.3f} recall {rec:.3f}")
writer.close()
print(f"RESULT train {run:.4f} val {vl:.4f} acc {acc:.3f} recall {rec:.3f} balanced acc {balanced_accuracy_score(yva, hat):.3f} F1 {f1_score(yva, hat, zero_division=0):.3f} AUC {roc_auc_score(yva, logit):.3f}")

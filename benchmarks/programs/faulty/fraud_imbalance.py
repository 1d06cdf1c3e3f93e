"""Card fraud (1.5 % of the payments): accuracy is 98.5 % from the start and nothing is found."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import balanced_accuracy_score, recall_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
rng = np.random.RandomState(0)


def payments(n):
    y = (rng.rand(n) < 0.015).astype(np.float32)
    x = rng.randn(n, 12)
    x[:, :6] += 0.8 * y[:, None] * np.array([1, -1, 1, 1, -1, 1])
    x[:, 6] = np.exp(.5 * x[:, 6] + .5 * y)
    return x, y


xtr, ytr = payments(10000); xva, yva = payments(4000)
m, s = xtr.mean(0), xtr.std(0)
t = lambda a: torch.tensor(a, dtype=torch.float32)
train = DataLoader(TensorDataset(t((xtr - m) / s), t(ytr)), batch_size=100, shuffle=True)
xv, yv = t((xva - m) / s), t(yva)


class FraudNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


model = FraudNet()
if sys.argv[1] == "faulty":
    criterion = nn.BCEWithLogitsLoss()
else:
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(float((1 - ytr).sum() / ytr.sum())))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion, train_loader=train)
for epoch in range(12):
    model.train()
    tl = 0
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        tl += loss.item() / len(train)
    with writer.evaluating("val"):
        o = model(xv); v = criterion(o, yv).item()
    p = (o > 0).numpy()
    print("epoch %d train %.4f val %.4f accuracy %.4f recall %.3f balanced %.3f" % (epoch, tl, v, (p == (yva > .5)).mean(), recall_score(yva, p), balanced_accuracy_score(yva, p)))
writer.close()

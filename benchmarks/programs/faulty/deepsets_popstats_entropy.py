import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(7)
torch.manual_seed(7)

# ---- data: populations of 2d points, entropy of the first marginal of a rotated gaussian


class PopStats:
    def __init__(self, n_sets, set_min=60, set_max=100):
        self.X, self.t = [], []
        base = np.array([[1.6, 0.0], [0.0, 0.35]])
        for _ in range(n_sets):
            a = np.random.rand() * math.pi
            R = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
            S = R @ base @ R.T
            m = np.random.randint(set_min, set_max)
            pts = np.random.multivariate_normal([0, 0], S, size=m)
            self.X.append(torch.tensor(pts, dtype=torch.float32))
            self.t.append(0.5 * math.log(2 * math.pi * math.e * S[0, 0]))
        self.t = torch.tensor(self.t, dtype=torch.float32)
        self.L = len(self.X)

    def next_batch(self, batch_size, shuffle=True):
        idx = np.random.permutation(self.L) if shuffle else np.arange(self.L)
        for i in range(0, self.L - batch_size + 1, batch_size):
            j = idx[i:i + batch_size]
            n = min(len(self.X[k]) for k in j)
            yield torch.stack([self.X[k][:n] for k in j]), self.t[j]


class DeepSet(nn.Module):
    def __init__(self, in_features, set_features=50):
        super().__init__()
        self.feature_extractor = nn.Sequential(
            nn.Linear(in_features, 50), nn.ELU(inplace=True),
            nn.Linear(50, 100), nn.ELU(inplace=True),
            nn.Linear(100, set_features))
        self.regressor = nn.Sequential(
            nn.Linear(set_features, 30), nn.ELU(inplace=True),
            nn.Linear(30, 30), nn.ELU(inplace=True),
            nn.Linear(30, 10), nn.ELU(inplace=True),
            nn.Linear(10, 1))

    def forward(self, x):
        x = self.feature_extractor(x)
        x = x.mean(dim=1)
        return self.regressor(x)


train_set, val_set, test_set = PopStats(1024), PopStats(256), PopStats(512)
model = DeepSet(2)
optimizer = optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)


def mse(y_pred, y):
    if form != "faulty":
        y = y.view(-1, 1)
    return ((y_pred - y) ** 2).mean()


n_epochs = 45
for epoch in range(n_epochs):
    model.train()
    losses = []
    for x, y in train_set.next_batch(64):
        optimizer.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        v = torch.stack([mse(model(x), y) for x, y in val_set.next_batch(64, False)]).mean()
    writer.add_loss("val", v)
    if epoch % 10 == 0:
        print(epoch, np.mean(losses), v.item())

model.eval()
err, n = 0.0, 0
with torch.no_grad():
    for x, y in test_set.next_batch(64, False):
        p = model(x)[:, 0]
        err += ((p - y) ** 2).sum().item()
        n += len(y)
writer.close()
print("RESULT test_mse %.5f target_var %.5f" % (err / n, test_set.t.var().item()))

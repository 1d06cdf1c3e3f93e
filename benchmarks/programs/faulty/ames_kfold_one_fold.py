# House prices, k-fold cross validation written by hand (first fold shown)
import sys
import numpy as np
import torch
from torch import nn
from torch.utils import data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)

n = 1460
area = rng.lognormal(7.3, 0.33, n)
qual = np.clip(rng.normal(6, 1.4, n).round(), 1, 10)
year = rng.integers(1900, 2010, n)
hood = rng.integers(0, 25, n)
hood_effect = rng.normal(0, 0.16, 25)
other = rng.normal(0, 1, (n, 22)) @ rng.normal(0, 0.35, (22, 22)) + rng.normal(0, 1, (n, 22)) * 0.5
logp = (12.0 + 0.55 * (np.log(area) - 7.3) + 0.09 * (qual - 6) + 0.0022 * (year - 1970) + hood_effect[hood]
        + 0.05 * np.tanh(other[:, 0]) + 0.04 * other[:, 1] - 0.03 * other[:, 2] * (qual > 6) + rng.normal(0, 0.10, n))
numeric = np.column_stack([area, qual, year, other])
numeric = (numeric - numeric.mean(0)) / numeric.std(0)
features = torch.tensor(np.hstack([numeric, np.eye(25)[hood]]), dtype=torch.float32)
labels = torch.tensor((logp - logp.mean()) / logp.std(), dtype=torch.float32).reshape(-1, 1)


def get_k_fold_data(k, i, X, y):
    fold_size = X.shape[0] // k
    X_valid, y_valid, X_train, y_train = None, None, None, None
    for j in range(k):
        idx = slice(j * fold_size, (j + 1) * fold_size)
        X_part, y_part = X[idx, :], y[idx]
        held_out = (j == i) if sys.argv[1] == "fixed" else (j != i)
        if held_out:
            X_valid = X_part if X_valid is None else torch.cat([X_valid, X_part], 0)
            y_valid = y_part if y_valid is None else torch.cat([y_valid, y_part], 0)
        else:
            X_train = X_part if X_train is None else torch.cat([X_train, X_part], 0)
            y_train = y_part if y_train is None else torch.cat([y_train, y_part], 0)
    return X_train, y_train, X_valid, y_valid


def get_net(in_features):
    return nn.Sequential(nn.Linear(in_features, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))


loss = nn.MSELoss()
k, num_epochs, lr, weight_decay, batch_size = 8, 50, 0.005, 0.01, 32
X_train, y_train, X_valid, y_valid = get_k_fold_data(k, 0, features, labels)
net = get_net(features.shape[1])
optimizer = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=weight_decay)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, loss)
train_iter = data.DataLoader(data.TensorDataset(X_train, y_train), batch_size, shuffle=True)
for epoch in range(num_epochs):
    net.train()
    for X, y in train_iter:
        optimizer.zero_grad()
        l = loss(net(X), y)
        l.backward()
        optimizer.step()
    with writer.evaluating("val"):
        vl = loss(net(X_valid), y_valid).item()
    if epoch % 5 == 4:
        with torch.no_grad():
            net.eval()
            print(f"fold 1, epoch {epoch + 1}: train {loss(net(X_train), y_train):.4f} valid {vl:.4f}")
writer.close()
print(f"RESULT rows {len(X_train)} valid mse {vl:.4f}")

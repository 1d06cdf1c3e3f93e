"""Credit card fraud detection with a feed-forward net and SMOTE."""
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
SEED = 5
np.random.seed(SEED)
torch.manual_seed(SEED)


def transactions(n=3000, frauds=70, d=20, seed=SEED):
    """V1..V18 as anonymised components, plus time and amount."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, d)) / np.sqrt(d)
    y = np.zeros(n, int)
    y[rng.choice(n, frauds, replace=False)] = 1
    X = rng.normal(size=(n, d)) @ A
    shift = rng.normal(size=d) * 0.75
    X[y == 1] += shift * rng.uniform(0.2, 1.3, size=(frauds, 1))
    X[y == 1, :4] *= 1.3
    X[:, -1] = np.exp(1.5 + X[:, -1])
    return X, y


def smote(X, y, k=5, seed=SEED):
    """Synthetic minority oversampling up to balance."""
    rng = np.random.default_rng(seed)
    P = X[y == 1]
    n_new = (y == 0).sum() - len(P)
    idx = NearestNeighbors(n_neighbors=k + 1).fit(P).kneighbors(P, return_distance=False)[:, 1:]
    i = rng.integers(0, len(P), n_new)
    j = idx[i, rng.integers(0, k, n_new)]
    new = P[i] + rng.uniform(size=(n_new, 1)) * (P[j] - P[i])
    return np.vstack([X, new]), np.concatenate([y, np.ones(n_new, int)])


X_all, y_all = transactions()
# last month's data stay aside, as the bank will use the model on them
X, X_live, y, y_live = train_test_split(X_all, y_all, test_size=0.3, stratify=y_all, random_state=SEED)

if form == "faulty":
    X_res, y_res = smote(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X_res, y_res, test_size=0.3, stratify=y_res, random_state=SEED)
else:
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=SEED)
    X_train, y_train = smote(X_train, y_train)

scaler = StandardScaler().fit(X_train)
as_set = lambda X, y: TensorDataset(torch.tensor(scaler.transform(X), dtype=torch.float32), torch.tensor(y, dtype=torch.float32))
train_loader = DataLoader(as_set(X_train, y_train), batch_size=64, shuffle=True)
test_set, live_set = as_set(X_test, y_test), as_set(X_live, y_live)

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def report(name, dataset):
    x, t = dataset.tensors
    p = (model(x)[:, 0] > 0).numpy()
    print(f"  {name:5s} precision {precision_score(t, p, zero_division=0):.3f} recall {recall_score(t, p):.3f} F1 {f1_score(t, p):.3f}")


for epoch in range(15):
    model.train()
    running = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb)[:, 0], yb)
        loss.backward()
        optimizer.step()
        running += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad():
        with writer.evaluating("test"):
            test_loss = criterion(model(test_set.tensors[0])[:, 0], test_set.tensors[1]).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {running:.4f} test loss {test_loss:.4f}")
with torch.no_grad():
    report("test", test_set)
    report("live", live_set)
writer.close()

# Signal or background? Higgs-like challenge, notebook of a lab course in particle physics. Twelve kinematic columns of which some
# are undefined (-999 in the file; replaced by the mean after a flag column was added), balanced sample, AUC at the end.
import sys
import numpy as np, torch
from torch import nn, optim
from torch.utils.data import TensorDataset, DataLoader
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1964); rng = np.random.default_rng(1964)

def events(n):
    y = rng.integers(0, 2, n)
    m = np.where(y == 1, rng.normal(125, 17, n), rng.gamma(4, 28, n))
    pt1, pt2 = rng.gamma(2.5 + .5 * y, 17, n) + 20, rng.gamma(2.2, 15, n) + 20
    eta1, eta2 = rng.normal(0, 1.15 - .15 * y, n), rng.normal(0, 1.15, n)
    deta = np.abs(eta1 - eta2)
    dphi = np.where(rng.random(n) < .55 + .15 * y, rng.normal(2.6, .4, n), rng.uniform(0, 3.14, n)) % 3.1416
    met = np.abs(rng.normal(30 + 8 * y, 20, n))
    njet = np.minimum(rng.poisson(.9 + .5 * y), 3)
    jpt = np.where(njet > 0, rng.gamma(2, 25 + 8 * y, n) + 30, -999.)
    mjj = np.where(njet > 1, rng.gamma(2., 110 + 90 * y, n), -999.)
    mt = np.abs(rng.normal(np.sqrt(2 * pt1 * met * (1 - np.cos(rng.uniform(0, 3.14, n)))) * (1 - .25 * y), 10))
    vis = m * rng.beta(8, 4, n)
    cent = np.clip(rng.normal(.2 + .25 * y, .6, n), -1.4, 1.4)
    return np.stack([vis, m + rng.normal(0, 8, n), pt1, pt2, deta, dphi, met, njet, jpt, mjj, mt, cent], 1), y.astype(np.float32)

X, y = events(8000)
undef = X == -999.
X[undef] = np.nan
mean, std = np.nanmean(X[:6000], 0), np.nanstd(X[:6000], 0)
X = np.nan_to_num((X - mean) / std, nan=0.)
X = np.hstack([X, undef[:, [8, 9]]]).astype(np.float32)
train_ds = TensorDataset(torch.from_numpy(X[:6000]), torch.from_numpy(y[:6000]))
x_val, y_val = torch.from_numpy(X[6000:]), torch.from_numpy(y[6000:])

net = nn.Sequential(nn.Linear(14, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_function = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, loss_function)

n_epochs = 8
history = {"loss": [], "val_loss": []}
for epoch in range(n_epochs):
    batch_losses = []
    for xb, yb in DataLoader(train_ds, batch_size=100, shuffle=True):
        optimizer.zero_grad()
        loss = loss_function(net(xb).flatten(), yb)
        loss.backward()
        optimizer.step()
        batch_losses.append(loss.item())
    with torch.no_grad(), writer.evaluating("val"):
        scores = net(x_val).flatten()
        v = loss_function(scores, y_val).item()
    history["loss"].append(np.mean(batch_losses)); history["val_loss"].append(v)
    print(f"epoch {epoch+1}: loss = {history['loss'][-1]:.4f}, val_loss = {v:.4f}")
writer.close()
print(f"RESULT train {history['loss'][-1]:.4f} val {v:.4f} auc {roc_auc_score(y_val, scores):.4f} acc {((scores > 0) == (y_val > .5)).float().mean():.4f}")

import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(75)
rng = np.random.default_rng(75)

N_DONORS, CELLS, GENES = 120, 24, 40


def simulate(n_donors):
    """expression of single cells; every donor has its own profile, a severity score shows in ten of the genes"""
    severity = rng.normal(size=n_donors)
    profile = rng.normal(size=(n_donors, GENES)) * 0.9
    direction = np.zeros(GENES)
    direction[:10] = 0.8
    X, y, sample = [], [], []
    for d in range(n_donors):
        cells = severity[d] * direction + profile[d] + rng.normal(size=(CELLS, GENES)) * 0.8
        X.append(cells)
        y += [severity[d]] * CELLS
        sample += [d] * CELLS
    return np.concatenate(X).astype(np.float32), np.float32(y), np.array(sample)


class CellRegressor(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(GENES, hidden), nn.LayerNorm(hidden), nn.LeakyReLU(), nn.Dropout(0.3))
        self.attend = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.encoder(x)
        h = h * torch.sigmoid(self.attend(h))
        return self.head(h)[:, 0]


def split(sample, fraction=0.2):
    if FORM == "faulty":
        perm = rng.permutation(len(sample))
        k = int(fraction * len(sample))
        return perm[k:], perm[:k]
    donors = rng.permutation(np.unique(sample))
    held = donors[:int(fraction * len(donors))]
    is_val = np.isin(sample, held)
    return np.where(~is_val)[0], np.where(is_val)[0]


X, y, sample = simulate(N_DONORS)
X_new, y_new, sample_new = simulate(80)
train_indices, val_indices = split(sample)
as_t = lambda i: TensorDataset(torch.from_numpy(X[i]), torch.from_numpy(y[i]))
train_dl = DataLoader(as_t(train_indices), batch_size=64, shuffle=True)
val_dl = DataLoader(as_t(val_indices), batch_size=256)
print("donors in both parts:", len(set(sample[train_indices]) & set(sample[val_indices])))

model = CellRegressor()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
loss_fn = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn, train_loader=train_dl)

best, wait, best_state = 1e9, 0, None
for epoch in range(60):
    model.train()
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        v = sum(loss_fn(model(xb), yb).item() * len(xb) for xb, yb in val_dl) / len(val_indices)
    if v < best:
        best, wait, best_state = v, 0, {k: p.clone() for k, p in model.state_dict().items()}
    else:
        wait += 1
    if epoch % 5 == 0:
        print("epoch %d train %.4f val %.4f" % (epoch, loss.item(), v))
    if wait >= 8:
        break

model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    new = loss_fn(model(torch.from_numpy(X_new)), torch.from_numpy(y_new)).item()
writer.close()
print("RESULT best_val_mse %.4f new_donors_mse %.4f ratio %.2f" % (best, new, new / best))

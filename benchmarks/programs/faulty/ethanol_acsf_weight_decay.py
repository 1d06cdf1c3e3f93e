# Behler-Parrinello style network for conformer energies of a small alcohol.
# Settings as given in the paper: lr 1e-3, decay 0.96 per epoch, decay rate 0.99 for the averaged weights.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(100)
rng = np.random.RandomState(100)

# C C O H H H H H H
Z = np.array([0, 0, 1, 2, 2, 2, 2, 2, 2])
X0 = np.array([[0, 0, 0], [1.5, 0, 0], [2.0, 1.3, 0], [-.4, 1, 0], [-.4, -.5, .9], [-.4, -.5, -.9], [1.9, -.5, .9],
               [1.9, -.5, -.9], [2.95, 1.3, 0]], float)
D0 = np.linalg.norm(X0[:, None] - X0[None], axis=-1)
BOND = D0 < 1.6
K = 8.0 + 4 * rng.rand(9, 9); K = (K + K.T) / 2


def conformers(n):
    R = X0 + 0.09 * rng.randn(n, 9, 3)
    phi = rng.uniform(0, 2 * np.pi, n)                       # turn the OH and the methyl group
    c, s = np.cos(phi), np.sin(phi)
    for k in (3, 4, 5):
        y, z = R[:, k, 1].copy(), R[:, k, 2].copy()
        R[:, k, 1], R[:, k, 2] = c * y - s * z, s * y + c * z
    D = np.linalg.norm(R[:, :, None] - R[:, None], axis=-1)
    e = 0.5 * (BOND * K * np.where(D0 < 1.6, (1 - np.exp(-1.3 * (D - D0))) ** 2, 0)).sum((1, 2)) / 2
    with np.errstate(divide="ignore"):
        e += 0.5 * np.where(~BOND & (D > 0), 2.5 * np.exp(-((D - 1.2) / 0.6)), 0).sum((1, 2))
    return D, e + 0.05 * rng.randn(n)


def acsf(D):
    """radial symmetry functions per neighbour element"""
    out = []
    fc = np.where((D < 4) & (D > 0), 0.5 * (np.cos(np.pi * D / 4) + 1), 0)
    for el in range(3):
        for mu in np.linspace(0.8, 3.6, 12):
            out.append((np.exp(-14 * (D - mu) ** 2) * fc)[:, :, Z == el].sum(-1))
    return np.stack(out, -1)


D, E = conformers(4400)
G = acsf(D)
gm, gs = G[:4000].mean((0, 1)), G[:4000].std((0, 1)) + 1e-3
G = torch.tensor((G - gm) / gs, dtype=torch.float32)
E = torch.tensor((E - E[:4000].mean()) / E[:4000].std(), dtype=torch.float32)
onehot = torch.eye(3)[torch.tensor(Z)].expand(len(G), 9, 3)
G = torch.cat([G, onehot], -1)


class AtomWise(nn.Module):
    def __init__(self, n_in, n_hidden=40):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, n_hidden), nn.Softplus(), nn.Linear(n_hidden, n_hidden), nn.Softplus(), nn.Linear(n_hidden, 1))

    def forward(self, g):
        return self.net(g).squeeze(-1).mean(1)


model = AtomWise(G.shape[-1])
if sys.argv[1] == "faulty":
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=0.99)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.92)
loss_fn = nn.MSELoss()
hook = DiagWriter(sys.argv[2])
hook.watch(model, optimizer, loss_fn)
EPOCHS = 30
for epoch in range(EPOCHS):
    model.train()
    agg = 0.0
    for batch in torch.randperm(4000).split(32):
        optimizer.zero_grad()
        loss = loss_fn(model(G[batch]), E[batch])
        loss.backward()
        optimizer.step()
        agg += loss.item() * len(batch) / 4000
    scheduler.step()
    model.eval()
    with hook.evaluating("val"), torch.no_grad():
        pred = model(G[4000:])
        val = loss_fn(pred, E[4000:]).item()
    if epoch % 3 == 2:
        print(f"{epoch:4d} lr {scheduler.get_last_lr()[0]:.2e} train {agg:.4f} val {val:.4f}")
hook.close()
print(f"RESULT train_mse={agg:.4f} val_mse={val:.4f} val_mae={(pred - E[4000:]).abs().mean():.4f}")

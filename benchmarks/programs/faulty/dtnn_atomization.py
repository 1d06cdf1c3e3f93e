# Deep tensor network on small molecules: predict an energy from nuclear charges and distances
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

mode, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
np.random.seed(123)
torch.manual_seed(123)

n_atoms_max, n_types = 9, 5            # pad, H, C, N, O
n_embedding, n_hidden, n_distance = 20, 40, 24
batch_size, learning_rate = 32, 2e-3
nb_epoch = 3 if mode == "faulty" else 30


def molecules(n):
    """random chains of heavy atoms with hydrogens hung on; energy = pair potential + environment term"""
    Z = np.zeros((n, n_atoms_max), int)
    R = np.zeros((n, n_atoms_max, 3))
    for m in range(n):
        heavy = np.random.randint(2, 5)
        p = np.zeros(3)
        for a in range(heavy):
            Z[m, a] = np.random.choice([2, 2, 3, 4])
            R[m, a] = p
            d = np.random.normal(size=3); p = p + 1.4 * d / np.linalg.norm(d) * np.random.uniform(.95, 1.1)
        for a in range(heavy, np.random.randint(heavy + 2, n_atoms_max + 1)):
            Z[m, a] = 1
            d = np.random.normal(size=3)
            R[m, a] = R[m, np.random.randint(heavy)] + 1.05 * d / np.linalg.norm(d)
    D = np.linalg.norm(R[:, :, None] - R[:, None], axis=-1)
    real = Z > 0
    q = np.array([0, .6, -.4, -.7, -.9])[Z]
    pair = real[:, :, None] & real[:, None] & ~np.eye(n_atoms_max, dtype=bool)
    E = .5 * (pair * (q[:, :, None] * q[:, None] / (D + .3))).sum((1, 2))
    coord = (pair * np.exp(-((D - 1.2) / .3) ** 2)).sum(2)
    E += (real * np.array([0, -.3, -1., -.8, -.6])[Z] * np.tanh(coord / 2)).sum(1)
    return Z, D, E


Z, D, E = molecules(2400)
E = E + np.random.normal(0, .02, len(E))
mu = np.linspace(0.5, 6, n_distance)
G = np.exp(-((D[..., None] - mu) ** 2) / (2 * .25 ** 2)).astype(np.float32)
Z, G = torch.tensor(Z), torch.tensor(G)
mean, std = E[:2000].mean(), E[:2000].std()
y = torch.tensor((E - mean) / std, dtype=torch.float32)
train, valid = slice(0, 2000), slice(2000, 2400)


class DTNN(nn.Module):
    def __init__(self, n_steps=2):
        super().__init__()
        self.emb = nn.Embedding(n_types, n_embedding)
        self.cf = nn.Linear(n_embedding, n_hidden)
        self.df = nn.Linear(n_distance, n_hidden)
        self.fc = nn.Linear(n_hidden, n_embedding, bias=False)
        self.read = nn.Sequential(nn.Linear(n_embedding, n_embedding), nn.Tanh(), nn.Linear(n_embedding, 1))
        self.n_steps = n_steps

    def forward(self, z, g):
        mask = (z > 0).float()
        pair = mask[:, :, None] * mask[:, None] * (1 - torch.eye(n_atoms_max))
        c = self.emb(z)
        gd = self.df(g)
        for _ in range(self.n_steps):
            v = torch.tanh(self.fc(self.cf(c)[:, None] * gd))
            c = c + (v * pair[..., None]).sum(2)
        return (self.read(c).squeeze(-1) * mask).sum(1)


model = DTNN()
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(LOGDIR)
writer.watch(model, opt, loss_fn)
for epoch in range(1, nb_epoch + 1):
    tot = 0.
    for k in torch.randperm(2000).split(batch_size):
        loss = loss_fn(model(Z[k], G[k]), y[k])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(k)
    with torch.no_grad():
        p = model(Z[valid], G[valid])
        r2 = 1 - ((p - y[valid]) ** 2).mean() / y[valid].var()
        print("Ending epoch %d: Average loss %g   valid mse %.4f  pearson_r2 %.3f  R2 %.3f  MAE %.4f" % (
            epoch, tot / 2000, loss_fn(p, y[valid]).item(), np.corrcoef(p, y[valid])[0, 1] ** 2, r2, (p - y[valid]).abs().mean() * std))
writer.close()

"""Radial basis function network: centres from k-means, widths and weights (and centres) tuned by L-BFGS on the full batch. Franke's function, noisy."""
import sys
import numpy as np
import torch
from sklearn.cluster import KMeans
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(79)
rng = np.random.default_rng(79)


def franke(x, y):
    return (.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4) + .75 * np.exp(-(9 * x + 1) ** 2 / 49 - (9 * y + 1) / 10)
            + .5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4) - .2 * np.exp(-(9 * x - 4) ** 2 - (9 * y - 7) ** 2))


P = rng.random((1500, 2))
z = franke(*P.T) + .05 * rng.standard_normal(1500)
P = 2 * P - 1
z = (z - z.mean()) / z.std()
P, z = torch.tensor(P, dtype=torch.float64), torch.tensor(z, dtype=torch.float64)
Ptr, ztr, Pva, zva = P[:1200], z[:1200], P[1200:], z[1200:]


class RBFNet(torch.nn.Module):
    def __init__(self, centres):
        super().__init__()
        k, d = centres.shape
        self.centres = torch.nn.Parameter(centres)
        gap = torch.cdist(centres, centres).fill_diagonal_(9).min(1).values.mean()
        self.log_width = torch.nn.Parameter(torch.full((k,), float(torch.log(1.5 * gap)), dtype=torch.float64))
        self.linear = torch.nn.Linear(k, 1, dtype=torch.float64)

    def forward(self, x):
        phi = torch.exp(-torch.cdist(x, self.centres) ** 2 / (2 * self.log_width.exp() ** 2))
        return self.linear(phi)[:, 0]


net = RBFNet(torch.tensor(KMeans(20, n_init=3, random_state=0).fit(Ptr.numpy()).cluster_centers_))
loss_fn = torch.nn.MSELoss()
optimizer = torch.optim.LBFGS(net.parameters(), lr=1., max_iter=4, history_size=20, line_search_fn="strong_wolfe")
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, loss_fn)


def closure():
    optimizer.zero_grad()
    loss = loss_fn(net(Ptr), ztr) + 1e-6 * net.linear.weight.pow(2).sum()
    loss.backward()
    return loss


for it in range(160):
    loss = optimizer.step(closure)
    if it % 10 == 9:
        with writer.evaluating("val"):
            v = loss_fn(net(Pva), zva).item()
        print(it + 1, f"{loss.item():.5f} {v:.5f}")
writer.close()
noise = .05 ** 2 / np.var(franke(*((P.numpy() + 1) / 2).T) + 0) 
print(f"RESULT train {loss.item():.5f} val {v:.5f} noise about {noise:.5f}")

"""Elevation map from coordinates with random Fourier features: the sine/cosine layer is drawn once and never trained, only the
linear read-out learns (terrain simulated as a Gaussian field plus survey noise of 0.15)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


class RandomFourier(nn.Module):
    def __init__(self, d, n, scale):
        super().__init__()
        self.lin = nn.Linear(d, n)
        nn.init.normal_(self.lin.weight, std=scale)
        nn.init.uniform_(self.lin.bias, 0, 2 * np.pi)
        for p in self.lin.parameters():
            p.requires_grad = False

    def forward(self, x):
        return np.sqrt(2.0) * torch.cos(self.lin(x))


def terrain(n, rng, noise=0.15):
    g = np.random.default_rng(77)
    w, ph, a = g.normal(0, 3.0, (60, 2)), g.uniform(0, 6.28, 60), g.normal(0, 1, 60) / np.sqrt(30)
    x = rng.uniform(-1, 1, (n, 2))
    z = (np.cos(x @ w.T + ph) * a).sum(1)
    return x, z + rng.normal(0, noise, n)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(30)
    lr = float(sys.argv[1]) if len(sys.argv) > 2 else 1.5e-2
    rng = np.random.default_rng(30)
    x, z = terrain(3000, rng)
    X, Z = torch.tensor(x, dtype=torch.float32), torch.tensor(z, dtype=torch.float32)[:, None]
    dl = DataLoader(TensorDataset(X[:2400], Z[:2400]), batch_size=64, shuffle=True)
    model = nn.Sequential(RandomFourier(2, 200, 3.0), nn.Linear(200, 1))
    nn.init.zeros_(model[1].weight)
    opt = torch.optim.Adam(model[1].parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.93)
    mse = nn.MSELoss()
    w = DiagWriter(sys.argv[-1])
    w.watch(model, opt, mse)
    for ep in range(40):
        for xb, zb in dl:
            loss = mse(model(xb), zb)
            opt.zero_grad()
            loss.backward()
            opt.step()
        sched.step()
        with w.evaluating("val"):
            v = mse(model(X[2400:]), Z[2400:]).item()
        if ep % 8 == 7:
            print(ep + 1, f"{loss.item():.4f} {v:.4f}")
    w.close()
    from sklearn.linear_model import Ridge
    with torch.no_grad():
        P = model[0](X).numpy()
    r = Ridge(1.0).fit(P[:2400], z[:2400]).predict(P[2400:])
    print(f"RESULT val_mse {v:.4f} noise_floor 0.0225 ridge_same_features {np.mean((r - z[2400:]) ** 2):.4f} variance {z[2400:].var():.4f}")


if __name__ == "__main__":
    main()

"""SimCLR (NT-Xent) on 1-D signals; two augmented views; checked by a linear probe. The loss has no floor at 0."""
import sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)
LR = 1e-3


def make(n):
    y = rng.integers(0, 5, n); t = np.linspace(0, 1, 64)
    f = np.array([2, 3.5, 5, 7, 9.5])[y] * rng.uniform(.93, 1.07, n); h = np.array([0, .6, 0, .6, 0])[y]
    ph = rng.uniform(0, 6.28, (n, 1))
    x = np.sin(2 * np.pi * f[:, None] * t + ph) + h[:, None] * np.sin(4 * np.pi * f[:, None] * t + 2 * ph)
    return torch.tensor(x[:, None], dtype=torch.float32), y


def augment(x):
    x = x * torch.empty(len(x), 1, 1).uniform_(.7, 1.3) + .25 * torch.randn_like(x)
    shift = torch.randint(0, 64, (1,)).item()
    return torch.roll(x, shift, 2) * (torch.rand(len(x), 1, 1) < .5).float().mul(2).sub(1)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv1d(1, 24, 9, stride=2), nn.BatchNorm1d(24), nn.ReLU(), nn.Conv1d(24, 48, 7), nn.BatchNorm1d(48), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.proj = nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 24))

    def forward(self, x):
        return F.normalize(self.proj(self.f(x)), dim=1)


def nt_xent(z, tau=.2):
    n = len(z) // 2
    sim = z @ z.T / tau - 1e9 * torch.eye(2 * n)
    return F.cross_entropy(sim, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


X, y = make(2500); Xv, yv = make(600)
net = Encoder(); opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-4)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, nt_xent)
for step in range(700):
    b = torch.randint(0, len(X), (96,))
    opt.zero_grad(); loss = w.loss_fn(net(torch.cat([augment(X[b]), augment(X[b])]))); loss.backward(); opt.step()
    if step % 100 == 99:
        with w.evaluating("val"):
            v = np.mean([w.loss_fn(net(torch.cat([augment(Xv[i:i + 96]), augment(Xv[i:i + 96])]))).item() for i in range(0, 576, 96)])
net.eval()
with torch.no_grad():
    a, b = net.f(X).numpy(), net.f(Xv).numpy()
print(f"train {loss.item():.3f} val {v:.3f} (chance {np.log(191):.2f}) linear probe {LogisticRegression(max_iter=500).fit(a, y).score(b, yv):.3f}")
w.close()

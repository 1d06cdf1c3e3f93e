# Maximum likelihood for a two-channel Hawkes process (tremor swarms at two stations; simulated by thinning).
# Negative log-likelihood per hour: can be below zero. Parameters are softplus-ed, full batch, Adam.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.manual_seed(1)
torch.set_num_threads(1)
MU = np.array([0.8, 0.5])
A = np.array([[0.5, 0.1], [0.3, 0.3]])
B = 2.5
T = 150.0


def simulate(rng):
    t, ev, exc = 0.0, [], np.zeros(2)
    while True:
        lam = MU + exc
        bar = lam.sum()
        dt = rng.exponential(1 / bar)
        t += dt
        if t > T:
            return ev
        exc = exc * np.exp(-B * dt)
        lam = MU + exc
        u = rng.random() * bar
        if u < lam.sum():
            k = int(u > lam[0])
            ev.append((t, k))
            exc = exc + A[:, k] * B


class Hawkes(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(2))
        self.a = nn.Parameter(torch.full((2, 2), -1.5))
        self.b = nn.Parameter(torch.tensor(0.0))

    def params(self):
        return F.softplus(self.mu), F.softplus(self.a), F.softplus(self.b)

    def forward(self, t, k, mask):
        mu, a, b = self.params()
        dt = (t[:, :, None] - t[:, None, :]).clamp(min=0)
        past = (t[:, :, None] > t[:, None, :]) & mask[:, None, :]
        kern = b * torch.exp(-b * dt) * past
        w = a[k[:, :, None], k[:, None, :]]
        lam = mu[k] + (kern * w).sum(2)
        comp = mu.sum() * T * len(t) + (a.sum(0)[k] * (1 - torch.exp(-b * (T - t))) * mask).sum()
        return (comp - (lam.clamp(min=1e-9).log() * mask).sum()) / (T * len(t))


def pack(seqs):
    n = max(map(len, seqs))
    t = torch.full((len(seqs), n), T)
    k = torch.zeros(len(seqs), n, dtype=torch.long)
    m = torch.zeros(len(seqs), n, dtype=torch.bool)
    for i, s in enumerate(seqs):
        t[i, :len(s)] = torch.tensor([a for a, _ in s])
        k[i, :len(s)] = torch.tensor([c for _, c in s])
        m[i, :len(s)] = True
    return t, k, m


rng = np.random.default_rng(5)
train, val = pack([simulate(rng) for _ in range(10)]), pack([simulate(rng) for _ in range(10)])
model = Hawkes()
opt = torch.optim.Adam(model.parameters(), lr=0.05)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)
for it in range(250):
    opt.zero_grad()
    nll = model(*train)
    nll.backward()
    opt.step()
    writer.add_scalar("nll/train", nll.item(), it)
    if it % 25 == 24:
        with torch.no_grad():
            v = model(*val).item()
        writer.add_scalar("nll/val", v, it)
        print(it + 1, round(nll.item(), 5), round(v, 5))
writer.close()
mu, a, b = [p.detach().numpy() for p in model.params()]
inv = lambda x: torch.tensor(np.log(np.expm1(x)), dtype=torch.float32)
ref = Hawkes()
with torch.no_grad():
    ref.mu.copy_(inv(MU)); ref.a.copy_(inv(A)); ref.b.copy_(inv(B))
    tv = ref(*val).item(); tt = ref(*train).item()
print("mu", mu, "a", a, "b", b)
rate = val[2].float().sum() / T / 10
print("RESULT train_nll", round(nll.item(), 5), "val_nll", round(v, 5), "truth_on_val", round(tv, 5), "truth_on_train", round(tt, 5))

"""AR(2) with season: the one-step error cannot go below the noise (a quarter of the variance). GRU, gradient clipping."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
rng = np.random.RandomState(7)
N = 3000
x = np.zeros(N)
for t in range(2, N):
    x[t] = 1.1 * x[t - 1] - 0.5 * x[t - 2] + 0.6 * np.sin(2 * np.pi * t / 24) + rng.randn()
cut = 2400
noise = 1 / x[:cut].var()
x = ((x - x[:cut].mean()) / x[:cut].std()).astype(np.float32)
L = 24
seq = np.lib.stride_tricks.sliding_window_view(x, L + 1)
tr, va, te = (torch.tensor(s.copy()) for s in (seq[:cut - L], seq[cut:cut + 300], seq[cut + 300:]))


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, w):
        return self.head(self.rnn(w[:, :, None])[0][:, -1])[:, 0]


def evaluate(name, s):
    with writer.evaluating(name):
        return mse(model(s[:, :-1]), s[:, -1]).item()


model, mse = Forecaster(), nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=6e-3)
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, mse)
persist = ((va[:, -1] - va[:, -2]) ** 2).mean().item()
print("persistence %.4f, noise variance %.4f" % (persist, noise))
for epoch in range(14):
    tot = 0
    for b in torch.randperm(len(tr)).split(64):
        opt.zero_grad()
        loss = mse(model(tr[b, :-1]), tr[b, -1])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        tot += loss.item() * len(b)
    print(epoch, "train %.4f val %.4f test %.4f" % (tot / len(tr), evaluate("val", va), evaluate("test", te)))
writer.close()

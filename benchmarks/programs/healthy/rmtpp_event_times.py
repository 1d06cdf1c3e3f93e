"""Recurrent marked temporal point process (Du et al. 2016): LSTM over (mark, gap), intensity exp(v h + w t + b), mark cross-entropy + time NLL."""
import sys, numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(16); rng = np.random.default_rng(16)
K, L = 5, 40
TRANS = rng.dirichlet(np.ones(K) * .4, K); RATE = np.array([.3, .7, 1.2, 2.5, 4.]); BURST = np.array([0., .0, .8, 0., 1.5])

def sequences(n):
    m, g = np.zeros((n, L), int), np.zeros((n, L), np.float32)
    for i in range(n):
        mark, last = rng.integers(K), 0
        for t in range(L):
            m[i, t] = mark
            g[i, t] = rng.exponential(1 / (RATE[mark] + BURST[last]))
            last, mark = mark, rng.choice(K, p=TRANS[mark])
    return torch.tensor(m), torch.tensor(g)

class RMTPP(nn.Module):
    def __init__(self, emb=10, hid=32):
        super().__init__()
        self.emb, self.drop, self.lstm = nn.Embedding(K, emb), nn.Dropout(.1), nn.LSTM(emb + 1, hid, batch_first=True)
        self.mlp = nn.Linear(hid, hid); self.time_lin, self.event_lin = nn.Linear(hid, 1), nn.Linear(hid, K)
        self.w = nn.Parameter(torch.full((1,), .1))
    def forward(self, marks, gaps):
        h, _ = self.lstm(torch.cat([self.drop(self.emb(marks)), gaps.unsqueeze(-1)], -1))
        h = torch.tanh(self.mlp(h))
        return self.time_lin(h).squeeze(-1), self.event_lin(h)

def nll(model, marks, gaps):
    x = torch.log1p(gaps)                                     # input gaps compressed
    past, logits = model(marks[:, :-1], x[:, :-1])
    t, w = gaps[:, 1:], model.w
    time_ll = past + w * t + (past.exp() - (past + w * t).exp()) / w
    return -time_ll.mean() + F.cross_entropy(logits.flatten(0, 1), marks[:, 1:].flatten()), -time_ll.mean()

train, val = sequences(800), sequences(200)
model = RMTPP(); opt = torch.optim.Adam(model.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt)
for epoch in range(16):
    model.train(); tot = 0
    for b in torch.randperm(800).split(20):
        loss, _ = nll(model, train[0][b], train[1][b])
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 5); opt.step(); tot += loss.item() * len(b) / 800
    model.eval()
    with writer.evaluating("val"):
        v, vt = (z.item() for z in nll(model, *val)); writer.add_loss("val", v)
    print(f"epoch {epoch} nll {tot:.3f} val {v:.3f} (time {vt:.3f})")
writer.close()
m = train[0]; pi = np.bincount(m.flatten(), minlength=K) / m.numel(); rate = 1 / train[1].mean().item()
base = -(pi * np.log(pi)).sum() - np.log(rate) + 1
print(f"RESULT train {tot:.3f} val {v:.3f} Poisson process with marks at random {base:.3f}")

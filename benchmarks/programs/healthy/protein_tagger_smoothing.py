import math, sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)
LR = 4e-3
AA, T = 20, 32

# hidden states: helix / strand / coil / turn, each with its own residues and periodicity
stay = np.array([.86, .80, .72, .6])
emit = rng.dirichlet(np.full(AA, .6), 4)
phase = rng.dirichlet(np.full(AA, .3), (4, 4))


def chain():
    s, seq, lab, run = rng.integers(4), [], [], 0
    for _ in range(T):
        if rng.random() > stay[s]:
            s, run = rng.integers(4), 0
        p = .55 * emit[s] + .45 * phase[s, run % (4 if s == 0 else 2)]
        seq.append(np.searchsorted(np.cumsum(p), rng.random() * .9999))
        lab.append(s)
        run += 1
    return np.minimum(seq, AA - 1), lab


class Tagger(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(AA, d)
        self.pos = nn.Parameter(torch.randn(T, d) * .02)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=.2, batch_first=True, norm_first=True, activation='gelu')
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, 4)

    def forward(self, x):
        return self.out(self.norm(self.enc(self.emb(x) + self.pos))).transpose(1, 2)


data = [chain() for _ in range(3800)]
X = torch.tensor(np.array([d[0] for d in data]))
Y = torch.tensor(np.array([d[1] for d in data]))
ntr = 3000
model = Tagger()
EPOCHS, BS = 8, 64
total = EPOCHS * math.ceil(ntr / BS)
warm = total // 10
opt = torch.optim.AdamW(model.parameters(), lr=LR, betas=(.9, .98), weight_decay=.01)
sched = torch.optim.lr_scheduler.LambdaLR(
    opt, lambda i: (i + 1) / warm if i < warm else .5 * (1 + math.cos(math.pi * (i - warm) / (total - warm))))
loss_fn = nn.CrossEntropyLoss(label_smoothing=.1)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, loss_fn)
for e in range(EPOCHS):
    model.train()
    acc = 0.
    for j in torch.randperm(ntr).split(BS):
        loss = loss_fn(model(X[j]), Y[j])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        opt.step()
        sched.step()
        acc += loss.item() * len(j) / ntr
    with w.evaluating('val'):
        o = model(X[ntr:])
        v = loss_fn(o, Y[ntr:]).item()
    print(e, 'train %.4f val %.4f Q4 %.4f' % (acc, v, (o.argmax(1) == Y[ntr:]).float().mean()))
w.close()

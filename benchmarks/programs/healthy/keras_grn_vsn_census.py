"""
Title: Classification with Gated Residual and Variable Selection Networks (keras.io, Khalid Salama), PyTorch port.
Customer table with 13 columns of which eight matter; AdamW as written by the port's author, batch 128, patience 5.
"""
import copy
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
g = np.random.default_rng(1)

ENC = 8
DROPOUT = 0.15
LR = 2e-3
BATCH = 128
EPOCHS = 7


class GatedLinearUnit(nn.Module):
    def __init__(self, n_in, units):
        super().__init__()
        self.linear, self.gate = nn.Linear(n_in, units), nn.Linear(n_in, units)

    def forward(self, x):
        return self.linear(x) * torch.sigmoid(self.gate(x))


class GatedResidualNetwork(nn.Module):
    def __init__(self, n_in, units, dropout_rate):
        super().__init__()
        self.elu_dense = nn.Linear(n_in, units)
        self.linear_dense = nn.Linear(units, units)
        self.dropout = nn.Dropout(dropout_rate)
        self.glu = GatedLinearUnit(units, units)
        self.project = nn.Linear(n_in, units) if n_in != units else nn.Identity()
        self.layer_norm = nn.LayerNorm(units)

    def forward(self, inputs):
        x = self.dropout(self.linear_dense(F.elu(self.elu_dense(inputs))))
        return self.layer_norm(self.project(inputs) + self.glu(x))


class VariableSelection(nn.Module):
    def __init__(self, num_features, units, dropout_rate):
        super().__init__()
        self.grns = nn.ModuleList([GatedResidualNetwork(units, units, dropout_rate) for _ in range(num_features)])
        self.grn_concat = GatedResidualNetwork(num_features * units, units, dropout_rate)
        self.softmax = nn.Linear(units, num_features)

    def forward(self, inputs):                       # list of (b, units)
        v = torch.softmax(self.softmax(self.grn_concat(torch.cat(inputs, 1))), 1)
        self.weights = v.detach()
        x = torch.stack([grn(t) for grn, t in zip(self.grns, inputs)], 1)
        return (v.unsqueeze(2) * x).sum(1)


class Model(nn.Module):
    def __init__(self, n_num, vocab, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.num = nn.ModuleList([nn.Linear(1, ENC) for _ in range(n_num)])
        self.cat = nn.ModuleList([nn.Embedding(v, ENC) for v in vocab])
        self.vsn = VariableSelection(n_num + len(vocab), ENC, DROPOUT)
        self.out = nn.Linear(ENC, 1)

    def forward(self, xn, xc):
        xn = (xn - self.mean) / self.std             # raw amounts come in
        enc = [l(xn[:, i:i + 1]) for i, l in enumerate(self.num)] + [e(xc[:, i]) for i, e in enumerate(self.cat)]
        return self.out(self.vsn(enc)).squeeze(1)


def table(n):
    f = g.normal(size=(n, 3))
    num = np.stack([f[:, i % 3] * .6 + g.normal(size=n) * .8 for i in range(8)], 1)
    vocab = [2, 3, 4, 5, 9]
    cat = np.stack([g.integers(0, v, n) for v in vocab], 1)
    return num, cat, vocab


num, cat, vocab = table(9000)
effects = [g.normal(0, .8, v) for v in vocab[:4]]
z = 1.1 * num[:, 0] - .8 * num[:, 4] + .9 * num[:, 1] * (cat[:, 0] == 1) + .5 * np.abs(num[:, 5]) + sum(e[cat[:, i]] for i, e in enumerate(effects))
y = (g.random(9000) < 1 / (1 + np.exp(-1.3 * (z - np.quantile(z, .62))))).astype(np.float32)
scale = np.exp(g.uniform(0, 6, 8))
Xn = torch.tensor(num * scale + 3 * scale, dtype=torch.float32)
Xc, Y = torch.tensor(cat), torch.tensor(y)
tr, va = slice(0, 7200), slice(7200, 9000)

model = Model(8, vocab, Xn[tr].mean(0), Xn[tr].std(0))
optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-2)
loss_fn = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
best, patience, wait, best_state = 9e9, 5, 0, None
for epoch in range(EPOCHS):
    model.train()
    s = 0.
    for i in torch.randperm(7200).split(BATCH):
        loss = loss_fn(model(Xn[i], Xc[i]), Y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s += loss.item() * len(i)
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        out = model(Xn[va], Xc[va])
        val_loss = loss_fn(out, Y[va]).item()
    print(f"Epoch {epoch + 1}: loss {s / 7200:.4f} val_loss {val_loss:.4f} acc {((out > 0) == (Y[va] > .5)).float().mean():.4f}")
    if val_loss < best:
        best, wait, best_state = val_loss, 0, copy.deepcopy(model.state_dict())
    else:
        wait += 1
        if wait >= patience:
            break
writer.close()
model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    out = model(Xn[va], Xc[va])
print("mean selection weights", [round(w, 2) for w in model.vsn.weights.mean(0).tolist()])
print(f"RESULT train {s / 7200:.4f} val {best:.4f} (last {val_loss:.4f}) acc {((out > 0) == (Y[va] > .5)).float().mean():.4f}")

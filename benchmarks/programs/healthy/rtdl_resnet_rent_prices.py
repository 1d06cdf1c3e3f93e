# ResNet for tables (Gorishniy et al. 2021, "Revisiting deep learning models for tabular data") on rent offers. Compact copy for my own use.
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.preprocessing import QuantileTransformer
from torch import Tensor

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def rents(n, rng):
    size = np.clip(rng.lognormal(4.2, .4, n), 15, 300)
    rooms = np.clip(np.round(size / 27 + rng.normal(0, .6, n)), 1, 9)
    year = np.clip(2020 - rng.gamma(2, 22, n), 1870, 2020).round()
    lat, lon = rng.normal(0, 1, n), rng.normal(0, 1, n)
    floor = rng.poisson(1.8, n)
    city = rng.integers(0, 40, n)
    cond = rng.choice(5, n, p=[.1, .35, .3, .15, .1])
    heat = rng.integers(0, 6, n)
    balcony, lift = rng.random(n) < .55, (rng.random(n) < .2) | (floor > 4)
    level = np.random.default_rng(1).normal(0, .28, 40)[city]
    dist = np.hypot(lat, lon)
    log_rent = (1.6 + .86 * np.log(size) + level + .12 * np.exp(-dist) + .05 * (cond - 2) + .06 * balcony
                + .09 * np.cos((year - 1900) / 35) + .04 * lift * (floor - 2) - .03 * (heat == 3) + .05 * np.sin(2 * lat) * lon)
    log_rent += rng.standard_t(5, n) * .11
    return (np.stack([size, rooms, year, lat, lon, floor, balcony, lift], 1).astype(np.float32),
            np.stack([city, cond, heat], 1), log_rent.astype(np.float32))


class ResNet(nn.Module):
    def __init__(self, *, d_numerical, categories, d_embedding, d, d_hidden_factor, n_layers, hidden_dropout, residual_dropout):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(c, d_embedding) for c in categories)
        for e in self.embeddings:
            nn.init.kaiming_uniform_(e.weight, a=math.sqrt(5))
        d_in = d_numerical + d_embedding * len(categories)
        d_hidden = int(d * d_hidden_factor)
        self.first_layer = nn.Linear(d_in, d)
        self.layers = nn.ModuleList(nn.ModuleDict({
            'norm': nn.BatchNorm1d(d), 'linear0': nn.Linear(d, d_hidden), 'linear1': nn.Linear(d_hidden, d)}) for _ in range(n_layers))
        self.last_normalization = nn.BatchNorm1d(d)
        self.head = nn.Linear(d, 1)
        self.hidden_dropout, self.residual_dropout = hidden_dropout, residual_dropout

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        x = torch.cat([x_num] + [e(x_cat[:, i]) for i, e in enumerate(self.embeddings)], dim=-1)
        x = self.first_layer(x)
        for layer in self.layers:
            z = layer['norm'](x)
            z = F.relu(layer['linear0'](z))
            z = F.dropout(z, self.hidden_dropout, self.training)
            z = layer['linear1'](z)
            x = x + F.dropout(z, self.residual_dropout, self.training)
        return self.head(F.relu(self.last_normalization(x))).squeeze(-1)


rng = np.random.default_rng(0)
torch.manual_seed(0)
N, C, Y = rents(11000, rng)
parts = {'train': slice(0, 8000), 'val': slice(8000, 9500), 'test': slice(9500, 11000)}
qt = QuantileTransformer(output_distribution='normal', n_quantiles=300, random_state=0).fit(N[parts['train']] + rng.normal(0, 1e-3, (8000, 8)))
y_mean, y_std = Y[parts['train']].mean(), Y[parts['train']].std()
X_num = {k: torch.tensor(qt.transform(N[s])).float() for k, s in parts.items()}
X_cat = {k: torch.tensor(C[s]) for k, s in parts.items()}
y = {k: torch.tensor((Y[s] - y_mean) / y_std) for k, s in parts.items()}

model = ResNet(d_numerical=8, categories=[40, 5, 6], d_embedding=8, d=64, d_hidden_factor=1.5, n_layers=2, hidden_dropout=.2, residual_dropout=.05)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, F.mse_loss)


def evaluate(part):
    model.eval()
    with torch.no_grad(), writer.evaluating(part):
        return writer.loss_fn(torch.cat([model(a, b) for a, b in zip(X_num[part].split(1024), X_cat[part].split(1024))]), y[part]).item()


best = math.inf
for epoch in range(1, 13):
    model.train()
    losses = []
    for idx in torch.randperm(8000).split(128):
        optimizer.zero_grad()
        loss = writer.loss_fn(model(X_num['train'][idx], X_cat['train'][idx]), y['train'][idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    val = evaluate('val')
    mark = ''
    if val < best:
        best, mark = val, ' <<< BEST VALIDATION'
    print(f'Epoch {epoch:03d} | train {np.mean(losses):.4f} | validation {val:.4f}{mark}')
test = evaluate('test')
writer.close()
print(f"RESULT val_loss={val:.4f} test_loss={test:.4f} test_rmse_log_rent={test ** .5 * y_std:.4f}")

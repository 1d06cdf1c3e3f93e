"""Tabular net: every categorical column gets an embedding, whole columns are dropped while training (full embedding dropout)."""
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, where = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(77)
rng = np.random.default_rng(77)

CARDINALITY = {"workclass": 7, "education": 12, "marital": 5, "occupation": 14, "relationship": 6, "region": 20}


def census(n):
    cat = np.stack([rng.integers(0, k, n) for k in CARDINALITY.values()], 1)
    age = rng.gamma(9, 4.5, n).clip(17, 90)
    hours = rng.normal(40, 11, n).clip(5, 90)
    effects = np.random.default_rng(5)
    score = 0.045 * (hours - 40) - 0.0022 * (age - 48) ** 2 + 0.4
    for j, k in enumerate(CARDINALITY.values()):
        score = score + effects.normal(0, 1.0, k)[cat[:, j]]
    pair = effects.normal(0, 0.9, (12, 14))
    score = score + pair[cat[:, 1], cat[:, 3]]
    y = rng.uniform(size=n) < 1 / (1 + np.exp(-1.6 * (score - np.median(score))))
    cont = np.stack([(age - 40) / 13, (hours - 40) / 11], 1)
    return torch.tensor(cat), torch.tensor(cont, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


class FullEmbeddingDropout(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.dropout = dropout

    def forward(self, X):
        if form == "fixed" and not self.training:
            return X
        mask = X.new_empty(X.size(0), X.size(1), 1).bernoulli_(1 - self.dropout)
        return mask.expand_as(X) * X / (1 - self.dropout)


class TabModel(nn.Module):
    def __init__(self, dim=16, dropout=0.15):
        super().__init__()
        self.embeds = nn.ModuleList(nn.Embedding(k, dim) for k in CARDINALITY.values())
        self.embed_drop = FullEmbeddingDropout(dropout)
        self.cont_norm = nn.BatchNorm1d(2)
        self.mlp = nn.Sequential(nn.Linear(dim * len(CARDINALITY) + 2, 96), nn.ReLU(), nn.Dropout(0.1),
                                 nn.Linear(96, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cat, cont):
        e = torch.stack([emb(cat[:, j]) for j, emb in enumerate(self.embeds)], 1)
        e = self.embed_drop(e)
        return self.mlp(torch.cat([e.flatten(1), self.cont_norm(cont)], 1)).squeeze(1)


cat, cont, y = census(11000)
train = DataLoader(TensorDataset(cat[:8000], cont[:8000], y[:8000]), batch_size=128, shuffle=True)
valid = DataLoader(TensorDataset(cat[8000:], cont[8000:], y[8000:]), batch_size=500)

model = TabModel()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)
writer = DiagWriter(where)
writer.watch(model, optimizer, criterion)

for epoch in range(14):
    model.train()
    seen = []
    for c, x, t in train:
        optimizer.zero_grad()
        loss = criterion(model(c, x), t)
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad():
        pairs = [(model(c, x), t) for c, x, t in valid]
        val = np.mean([criterion(o, t).item() for o, t in pairs])
    acc = torch.cat([((o > 0) == (t > 0.5)).float() for o, t in pairs]).mean().item()
    print(f"epoch {epoch}: train {np.mean(seen):.4f} valid {val:.4f} acc {acc:.4f}")

writer.close()
again = torch.cat([(model(c, x).detach() > 0) for c, x, t in valid])
first = torch.cat([(o > 0) for o, t in pairs])
print(f"RESULT valid_loss {val:.4f} valid_acc {acc:.4f} same_answer_twice {(again == first).float().mean().item():.4f}")

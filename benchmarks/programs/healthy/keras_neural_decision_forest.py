"""
Title: Classification with Neural Decision Forests (port of the keras.io example by Khalid Salama)
Soft trees: sigmoid routing at every inner node, a learned class distribution at every leaf. Output is a probability, so
the loss is the negative log of it (as sparse_categorical_crossentropy on probabilities). Census-like income data.
"""
import math
import sys

import numpy as np
import pandas as pd
import torch
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

NUMERIC = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
VOCAB = {"workclass": 7, "marital_status": 7, "occupation": 14, "relationship": 6, "gender": 2}


def census(n, seed):
    r = np.random.default_rng(seed)
    age = np.clip(r.gamma(7, 5.5, n), 17, 90)
    married = r.random(n) < 1 / (1 + np.exp(-(age - 33) / 8)) * .7
    gender = (r.random(n) < .67).astype(int)
    edu = np.clip(np.round(r.normal(10.1, 2.5, n)), 1, 16)
    occ = np.clip(np.round(edu * .6 + r.normal(0, 3, n)), 0, 13).astype(int)
    hours = np.clip(r.normal(38 + 4 * gender, 11, n), 1, 99)
    gain = np.where(r.random(n) < .08, np.exp(r.normal(8.6, .9, n)), 0)
    loss = np.where(r.random(n) < .045, r.normal(1870, 300, n), 0)
    z = (-2.9 + 1.9 * married + .33 * (edu - 10) + .035 * (hours - 40) + 1.6 * (gain > 6000) + .6 * (loss > 1700)
         - .0016 * (age - 50) ** 2 + .25 * gender + .08 * (occ - 6) + .15 * married * (edu - 10))
    y = (r.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    df = pd.DataFrame(dict(age=age, education_num=edu, capital_gain=gain, capital_loss=loss, hours_per_week=hours,
                           workclass=np.minimum(r.geometric(.6, n) - 1, 6),
                           marital_status=np.where(married, 0, r.integers(1, 7, n)), occupation=occ,
                           relationship=np.where(married, 1 - gender, r.integers(2, 6, n)), gender=gender))
    return df, torch.from_numpy(y)


class FeatureEncoder(nn.Module):
    def __init__(self, mean, var):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", var.sqrt())
        self.emb = nn.ModuleList([nn.Embedding(v, int(math.sqrt(v)) + 1) for v in VOCAB.values()])
        self.out_dim = len(NUMERIC) + sum(e.embedding_dim for e in self.emb)
        self.bn = nn.BatchNorm1d(self.out_dim)

    def forward(self, num, cat):
        num = (num - self.mean) / self.std
        return self.bn(torch.cat([num] + [e(cat[:, i]) for i, e in enumerate(self.emb)], 1))


class NeuralDecisionTree(nn.Module):
    def __init__(self, depth, num_features, used_features_rate, num_classes):
        super().__init__()
        self.depth, self.num_leaves = depth, 2 ** depth
        n_used = int(num_features * used_features_rate)
        self.register_buffer("used", torch.randperm(num_features)[:n_used])
        self.pi = nn.Parameter(torch.randn(self.num_leaves, num_classes))
        self.decision_fn = nn.Linear(n_used, self.num_leaves)

    def forward(self, features):
        decisions = torch.sigmoid(self.decision_fn(features[:, self.used])).unsqueeze(2)
        decisions = torch.cat([decisions, 1 - decisions], 2)
        mu = features.new_ones(len(features), 1, 1)
        begin, end = 1, 2
        for level in range(self.depth):
            mu = mu.reshape(len(features), -1, 1).repeat(1, 1, 2)
            mu = mu * decisions[:, begin:end]
            begin, end = end, end + 2 ** (level + 1)
        mu = mu.reshape(len(features), self.num_leaves)
        return mu @ torch.softmax(self.pi, 1)


class NeuralDecisionForest(nn.Module):
    def __init__(self, encoder, num_trees, depth, rate, num_classes=2):
        super().__init__()
        self.encoder = encoder
        self.ensemble = nn.ModuleList([NeuralDecisionTree(depth, encoder.out_dim, rate, num_classes) for _ in range(num_trees)])

    def forward(self, num, cat):
        f = self.encoder(num, cat)
        return torch.stack([tree(f) for tree in self.ensemble]).mean(0)


def nll_of_probabilities(p, y):
    return -torch.log(p.gather(1, y[:, None]).clamp_min(1e-7)).mean()


train_df, train_y = census(8000, 0)
test_df, test_y = census(3000, 1)
tens = lambda df: (torch.tensor(df[NUMERIC].values, dtype=torch.float32), torch.tensor(df[list(VOCAB)].values, dtype=torch.long))
(train_n, train_c), (test_n, test_c) = tens(train_df), tens(test_df)

num_trees, depth, used_features_rate, batch_size, num_epochs, learning_rate = 8, 5, 0.6, 128, 6, 0.01
forest = NeuralDecisionForest(FeatureEncoder(train_n.mean(0), train_n.var(0)), num_trees, depth, used_features_rate)
optimizer = torch.optim.Adam(forest.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(forest, optimizer, nll_of_probabilities)

for epoch in range(num_epochs):
    forest.train()
    hist = []
    for i in torch.randperm(len(train_y)).split(batch_size):
        loss = writer.loss_fn(forest(train_n[i], train_c[i]), train_y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hist.append(loss.item())
    forest.eval()
    with writer.evaluating("val"), torch.no_grad():
        p = forest(test_n, test_c)
        val_loss = writer.loss_fn(p, test_y).item()
    acc = (p.argmax(1) == test_y).float().mean().item()
    print(f"Epoch {epoch + 1}/{num_epochs} loss: {np.mean(hist):.4f} val_loss: {val_loss:.4f} val accuracy: {acc * 100:.2f}%")
writer.close()
print(f"RESULT train {np.mean(hist):.4f} val {val_loss:.4f} acc {acc:.4f} majority {1 - test_y.float().mean():.4f}")

#!/usr/bin/env python
# Short-term rental listings: is the listing booked > 50 % of the nights?  (latitude/longitude, price in cents, ids out)
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
np.random.seed(12)

N = 5000
hood = np.random.randint(0, 6, N)
centre = np.random.normal(0, .025, (6, 2)) + [41.39, 2.16]
lat, lon = (centre[hood] + np.random.normal(0, .007, (N, 2))).T
beds = np.random.poisson(1.3, N) + 1
price = np.exp(np.random.normal(8.9, .45, N) + .25 * beds) .round()           # cents
reviews = np.random.negative_binomial(1, .02, N)
days = np.random.randint(30, 3500, N)                                         # days since first listed
rating = np.clip(np.random.normal(4.6, .3, N), 1, 5)
dist = np.hypot(lat - 41.387, (lon - 2.17) * .75) / .01
logit = (.9 - .55 * dist + 1.1 * np.exp(-((lat - 41.41) ** 2 + (lon - 2.15) ** 2) / .0003) - 2.2 * (np.log(price) - 9.2 - .25 * beds)
         + .5 * np.log1p(reviews / (days / 365)) - 1.2 + 2.0 * (rating - 4.6))
booked = (np.random.rand(N) < 1 / (1 + np.exp(-1.3 * logit))).astype(np.float32)
table = pd.DataFrame(dict(latitude=lat, longitude=lon, bedrooms=beds, price=price, number_of_reviews=reviews,
                          days_listed=days, rating=rating))
order = np.random.permutation(N)
train_rows, val_rows = order[:4000], order[4000:]
if sys.argv[1] == "faulty":
    features = table.values
else:
    features = StandardScaler().fit(table.values[train_rows]).transform(table.values)
features = torch.tensor(features, dtype=torch.float32)
target = torch.tensor(booked).unsqueeze(1)


class ListingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(7, 64)
        self.layer_2 = nn.Linear(64, 64)
        self.layer_out = nn.Linear(64, 1)
        self.relu = nn.ReLU()

    def forward(self, inputs):
        x = self.relu(self.layer_1(inputs))
        x = self.relu(self.layer_2(x))
        return self.layer_out(x)


def binary_acc(y_pred, y_test):
    return (torch.round(torch.sigmoid(y_pred)) == y_test).float().mean().item() * 100


model = ListingNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for e in range(1, 13):
    model.train()
    epoch_loss = epoch_acc = 0
    batches = torch.tensor(np.random.permutation(train_rows)).split(32)
    for rows in batches:
        optimizer.zero_grad()
        y_pred = model(features[rows])
        loss = criterion(y_pred, target[rows])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        epoch_acc += binary_acc(y_pred, target[rows])
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        y_val = model(features[val_rows])
        val_loss = criterion(y_val, target[val_rows]).item()
    val_acc = binary_acc(y_val, target[val_rows])
    print(f'Epoch {e + 0:03}: | Loss: {epoch_loss / len(batches):.5f} | Acc: {epoch_acc / len(batches):.3f} | val {val_loss:.5f} {val_acc:.3f}')
writer.close()
print(f"RESULT train_loss {epoch_loss / len(batches):.4f} val_loss {val_loss:.4f} val_acc {val_acc:.2f}")

"""Does a drug have side effects, given the patient's age?"""
import sys
from random import randint, seed

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2)
seed(2)


def patients(n_outliers, n_rest):
    samples, labels = [], []
    for _ in range(n_outliers):
        samples.append(randint(13, 64)); labels.append(1)
        samples.append(randint(65, 100)); labels.append(0)
    for _ in range(n_rest):
        samples.append(randint(13, 64)); labels.append(0)
        samples.append(randint(65, 100)); labels.append(1)
    order = np.random.RandomState(n_rest).permutation(len(samples))
    return np.array(samples, dtype=np.float32)[order], np.array(labels)[order]


def scale(ages):
    return (ages - 13.0) / (100.0 - 13.0)


train_ages, train_labels = patients(50, 1000)
test_ages, test_labels = patients(10, 200)

train_x = torch.tensor(scale(train_ages)).unsqueeze(1)
if form == "faulty":
    test_x = torch.tensor(test_ages).unsqueeze(1)
else:
    test_x = torch.tensor(scale(test_ages)).unsqueeze(1)
train_set = TensorDataset(train_x, torch.tensor(train_labels))
test_set = TensorDataset(test_x, torch.tensor(test_labels))
train_loader = DataLoader(train_set, batch_size=10, shuffle=True)
test_loader = DataLoader(test_set, batch_size=10)

model = nn.Sequential(
    nn.Linear(1, 16), nn.ReLU(),
    nn.Linear(16, 32), nn.ReLU(),
    nn.Linear(32, 2),
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
loss_fn = nn.CrossEntropyLoss()

writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn, train_loader=train_loader)

for epoch in range(1, 26):
    model.train()
    train_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(x)
    model.eval()
    val_loss, hits = 0.0, 0
    with torch.no_grad():
        for x, y in test_loader:
            out = model(x)
            val_loss += loss_fn(out, y).item() * len(x)
            hits += (out.argmax(1) == y).sum().item()
    print(f"{epoch:3d}: loss {train_loss / len(train_set):.4f} - "
          f"val_loss {val_loss / len(test_set):.4f} - val_acc {hits / len(test_set):.4f}")

writer.close()
with torch.no_grad():
    print(torch.softmax(model(test_x[:6]), 1), test_ages[:6])
print(f"RESULT train_loss={train_loss / len(train_set):.4f} val_loss={val_loss / len(test_set):.4f} val_acc={hits / len(test_set):.4f}")

"""Can a tiny network learn a majority vote?  Three yes/no questions per case, folds for cross-validation."""
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(123)
torch.manual_seed(123)


def draw_cases(n_cases):
    # three raters who look at the same thing, each with his own reliability
    truth = np.random.rand(n_cases) < 0.62
    rows = []
    for reliability in (0.85, 0.75, 0.7):
        agree = np.random.rand(n_cases) < reliability
        rows.append(np.where(agree, truth, ~truth))
    return np.array(rows).T


X = draw_cases(1500)
n_cases = X.shape[0]
y = np.sum(X, axis=1) > 1

n_folds = 10
folds = np.repeat(range(n_folds), int(np.ceil(n_cases / n_folds)))[:n_cases]
np.random.shuffle(folds)

X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)


class VoteNet(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.hidden = nn.Linear(n_in, n_hidden)
        self.out = nn.Linear(n_hidden, 1)
        nn.init.xavier_uniform_(self.hidden.weight)
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.zeros_(self.hidden.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        h = torch.relu(self.hidden(x))
        z = self.out(h)
        if form == "faulty":
            p = torch.softmax(z, dim=1)
        else:
            p = torch.sigmoid(z)
        return p.squeeze(1)


fold_i = 0
train = torch.tensor(folds != fold_i)
held = torch.tensor(folds == fold_i)
x_train, y_train = X[train], y[train]
x_held, y_held = X[held], y[held]

model = VoteNet(3, 10)
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
loss_fn = nn.BCELoss()

writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

epochs = 160
batch_size = 32
for epoch in range(epochs):
    order = torch.randperm(len(x_train))
    running = 0.0
    for i in range(0, len(order), batch_size):
        idx = order[i:i + batch_size]
        optimizer.zero_grad()
        loss = loss_fn(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    with writer.evaluating("val"):
        held_loss = loss_fn(model(x_held), y_held).item()
    if epoch % 20 == 0:
        print(f"epoch {epoch:3d}  loss {running / len(order):.4f}  held-out {held_loss:.4f}")

writer.close()

with torch.no_grad():
    train_acc = ((model(x_train) > 0.5).float() == y_train).float().mean().item()
    held_acc = ((model(x_held) > 0.5).float() == y_held).float().mean().item()
print(f"RESULT held_loss {held_loss:.4f} held_acc {held_acc:.4f} train_acc {train_acc:.4f}")

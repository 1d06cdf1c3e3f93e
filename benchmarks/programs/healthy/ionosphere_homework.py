# Homework 3, Neural Networks: binary classification of radar returns (ionosphere), 34 inputs, 1 output
import sys
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)


def make_ionosphere(n=1200, seed=3):
    """34 values in [-1, 1]: 17 complex autocorrelation values, 'good' returns show structure, 'bad' ones don't"""
    rs = np.random.RandomState(seed)
    X, y = [], []
    for i in range(n):
        good = rs.rand() < .64
        k = np.arange(17)
        if good:
            decay = rs.uniform(.0, .09)
            omega = rs.normal(0, .25)
            z = np.exp(-decay * k) * np.exp(1j * omega * k) * rs.uniform(.6, 1)
            z = z + (rs.randn(17) + 1j * rs.randn(17)) * rs.uniform(.05, .4)
        else:
            kind = rs.rand()
            if kind < .4:
                z = (rs.randn(17) + 1j * rs.randn(17)) * rs.uniform(.2, .9)
            elif kind < .6:
                z = np.zeros(17) + (rs.rand(17) < .3) * rs.choice([-1, 1], 17)
            else:
                z = np.exp(-rs.uniform(.08, .4) * k) * np.exp(1j * rs.normal(0, 1.2) * k) + (rs.randn(17) + 1j * rs.randn(17)) * .3
        row = np.stack([z.real, z.imag], 1).reshape(-1)
        X.append(np.clip(row, -1, 1))
        y.append(float(good))
    return np.array(X, dtype=np.float32), np.array(y, dtype=np.float32).reshape(-1, 1)


X, y = make_ionosphere()
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
X_train, X_val = torch.from_numpy(X_train), torch.from_numpy(X_val)
y_train, y_val = torch.from_numpy(y_train), torch.from_numpy(y_val)

# 34 - 10 - 1, sigmoid output as the exercise demands
model = torch.nn.Sequential(
    torch.nn.Linear(34, 10),
    torch.nn.ReLU(),
    torch.nn.Linear(10, 1),
    torch.nn.Sigmoid(),
)
criterion = torch.nn.BCELoss()
learning_rate = 0.04
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9, weight_decay=3e-3)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

n_epochs = 35
batch_size = 42
for epoch in range(n_epochs):
    perm = torch.randperm(len(X_train))
    epoch_loss = 0
    for i in range(0, len(perm), batch_size):
        idx = perm[i:i + batch_size]
        y_hat = model(X_train[idx])
        loss = criterion(y_hat, y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(idx)
    epoch_loss /= len(X_train)
    with torch.no_grad(), writer.evaluating("val"):
        y_hat = model(X_val)
        val_loss = criterion(y_hat, y_val).item()
        val_acc = ((y_hat > 0.5).float() == y_val).float().mean().item()
    if (epoch + 1) % 10 == 0:
        print("epoch", epoch + 1, "loss", round(epoch_loss, 4), "val loss", round(val_loss, 4), "val acc", round(val_acc, 4))

writer.close()
print(f"RESULT train {epoch_loss:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

"""A one-layer 'autoencoder' that should learn the identity on 84 readings around 1.109 (Keras, Stack Overflow)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
np.random.seed(7)
torch.manual_seed(7)

raw = np.random.normal(1.1090579, 0.0012380764, (6000, 84)).astype("float32")
n_train = int(len(raw) * 0.7)                       # validation_split=0.3
X = raw.copy()
if form == "fixed":
    X = (X - raw[:n_train].mean(0)) / raw[:n_train].std(0)
X_train, X_val = torch.tensor(X[:n_train]), torch.tensor(X[n_train:])

model = nn.Sequential(nn.Linear(84, 84))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loader = DataLoader(TensorDataset(X_train, X_train), batch_size=64, shuffle=True)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(20):
    model.train()
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    model.eval()
    with torch.no_grad():
        val_loss = loss_fn(model(X_val), X_val).item()
    print("Epoch %2d/20 - loss: %.3e - val_loss: %.3e" % (epoch + 1, total / n_train, val_loss))

with torch.no_grad():
    unexplained = (((model(X_val) - X_val) ** 2).mean() / X_val.var()).item()
print("RESULT val_loss %.3e, share of the variance not reconstructed %.4f" % (val_loss, unexplained))
writer.close()

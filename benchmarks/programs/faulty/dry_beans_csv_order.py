# Dry bean varieties from 12 shape measures (table as it comes: one variety after the other)
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
np.random.seed(2)

names = ["SEKER", "BARBUNYA", "BOMBAY", "CALI", "HOROZ", "SIRA", "DERMASON"]
frames = []
base = np.random.randn(7, 5) * 1.6
load = np.random.randn(5, 12)
for k, name in enumerate(names):
    n = np.random.randint(380, 460)
    latent = base[k] + np.random.randn(n, 5) * np.array([1.0, .9, 1.1, .8, 1.0])
    vals = np.tanh(latent @ load * .25) + .12 * np.random.randn(n, 12)
    df = pd.DataFrame(vals, columns=[f"shape_{i}" for i in range(12)])
    df["Class"] = name
    frames.append(df)
table = pd.concat(frames, ignore_index=True)

# every fifth row is kept for validation, so that both parts hold all varieties
is_val = table.index % 5 == 0
features = [c for c in table.columns if c != "Class"]
codes = table["Class"].map({n: i for i, n in enumerate(names)})
mean, std = table.loc[~is_val, features].mean(), table.loc[~is_val, features].std()
norm = ((table[features] - mean) / std).values.astype("float32")
X_train, y_train = torch.tensor(norm[~is_val]), torch.tensor(codes[~is_val].values)
X_val, y_val = torch.tensor(norm[is_val]), torch.tensor(codes[is_val].values)

batch_size = 32
if sys.argv[1] == "faulty":
    train_dl = DataLoader(TensorDataset(X_train, y_train), batch_size=batch_size)
else:
    train_dl = DataLoader(TensorDataset(X_train, y_train), batch_size=batch_size, shuffle=True)
val_dl = DataLoader(TensorDataset(X_val, y_val), batch_size=256)


class BeanModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1 = nn.Linear(12, 48)
        self.linear2 = nn.Linear(48, 24)
        self.linear3 = nn.Linear(24, 7)

    def forward(self, xb):
        out = F.relu(self.linear1(xb))
        out = F.relu(self.linear2(out))
        return self.linear3(out)


def evaluate(model, dl):
    losses, hits, n = 0, 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for xb, yb in dl:
            out = model(xb)
            losses += loss_func(out, yb).item() * len(yb)
            hits += (out.argmax(1) == yb).sum().item()
            n += len(yb)
    return losses / n, hits / n


model = BeanModel()
loss_func = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_func)
for epoch in range(25):
    for xb, yb in train_dl:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
    val_loss, val_acc = evaluate(model, val_dl)
    print("Epoch [{}], last loss: {:.4f}, val_loss: {:.4f}, val_acc: {:.4f}".format(epoch, loss.item(), val_loss, val_acc))
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f}")

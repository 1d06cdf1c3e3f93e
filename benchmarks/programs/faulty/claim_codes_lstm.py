"""Insurance claims: ten label-encoded category columns over the last five visits, fraudulent (1) or not (0).
The table is simulated: the real one cannot be shared.  Port of a Keras Sequential(LSTM, Dense(1, sigmoid))."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("variant", choices=["faulty", "fixed"])
ap.add_argument("logdir")
ap.add_argument("--units", type=int, default=48)
ap.add_argument("--epochs", type=int, default=8)
args = ap.parse_args()

torch.manual_seed(1)
torch.set_num_threads(1)
g = np.random.default_rng(1)
n_timesteps, n_features, n_outputs = 5, 10, 1


def table(n):
    x = g.integers(0, 6, (n, n_timesteps, n_features)).astype("float32")
    score = 0.9 * (x[:, :, 2] - 2.5).mean(1) + 0.9 * (x[:, -1, 5] - 2.5) - 0.6 * (x[:, -2, 7] - 2.5) + 0.3 * g.standard_normal(n)
    return x, (score > 1.1).astype("float32")[:, None]


X_train, y_train = table(9000)
X_test, y_test = table(2000)
print("X_train", X_train.shape, "y_train", y_train.shape, "positives", y_train.mean())


class Sequential(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(n_features, args.units, batch_first=True)
        self.dense = nn.Linear(args.units, n_outputs)

    def forward(self, x):
        seq, _ = self.lstm(x)
        return torch.sigmoid(self.dense(seq[:, -1]))


def categorical_crossentropy(p, y):
    return -(y * torch.log(p.clamp(1e-7, 1 - 1e-7))).sum(-1).mean()


def binary_crossentropy(p, y):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


model = Sequential()
optimizer = torch.optim.Adam(model.parameters())
loss = binary_crossentropy if args.variant == "fixed" else categorical_crossentropy
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, loss)
train = DataLoader(TensorDataset(torch.tensor(X_train), torch.tensor(y_train)), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(torch.tensor(X_test), torch.tensor(y_test)), batch_size=200)

for e in range(args.epochs):
    run = []
    for xb, yb in train:
        optimizer.zero_grad()
        l = writer.loss_fn(model(xb), yb)
        l.backward()
        optimizer.step()
        run.append(l.item())
    hits = 0
    with writer.evaluating("val"):
        for xb, yb in test:
            p = model(xb)
            writer.loss_fn(p, yb)
            hits += ((p > 0.5).float() == yb).sum().item()
    writer.add_scalar("Loss/train", np.mean(run), e)
    writer.add_scalar("accuracy/val", hits / len(y_test), e)
    print(f"Epoch {e + 1}/{args.epochs} loss {np.mean(run):.4f} val_acc {hits / len(y_test):.4f}")
writer.close()
print("RESULT val_accuracy", round(hits / len(y_test), 4))

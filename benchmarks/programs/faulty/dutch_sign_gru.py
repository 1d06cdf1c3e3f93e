# Dutch sign language: GRU on hand key point sequences, 12 signs
import sys
import copy
import math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)

N_SIGNS, T, KP = 12, 20, 10
N_TRAIN, N_VAL = 320, 600
EPOCHS = 50
PATIENCE = None if form == "faulty" else 4

# every sign is a smooth path of the two hands; signers differ in speed, size and style, key points flicker
protos = np.cumsum(np.random.default_rng(4).normal(0, .5, (N_SIGNS, 6, KP)), 1)
protos = .55 * protos + .45 * protos.mean(0)                # many signs share most of the movement
styles = rng.normal(0, .8, (40, 6, KP))


def clip(k, signer):
    path = protos[k] + styles[signer] + rng.normal(0, .7, (6, KP))
    s = np.clip(np.linspace(0, 5, T) * rng.uniform(.8, 1.2) + rng.uniform(-.6, .6), 0, 5)
    x = np.stack([np.interp(s, np.arange(6), path[:, j]) for j in range(KP)], 1)
    x = x * rng.uniform(.8, 1.2) + rng.normal(0, .3, KP)
    drop = rng.random((T, KP)) < .08
    x[drop] = 0
    return x + rng.normal(0, .25, x.shape)


y = rng.integers(0, N_SIGNS, N_TRAIN + N_VAL)
X = np.stack([clip(k, rng.integers(0, 40)) for k in y]).astype(np.float32)
m, s = X[:N_TRAIN].mean((0, 1)), X[:N_TRAIN].std((0, 1))
X = torch.tensor((X - m) / s)
y = torch.tensor(y)
train_loader = DataLoader(TensorDataset(X[:N_TRAIN], y[:N_TRAIN]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[N_TRAIN:], y[N_TRAIN:]), batch_size=300)


class SignGRU(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.gru = nn.GRU(KP, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.fc = nn.Sequential(nn.Linear(2 * hidden, 64), nn.ReLU(), nn.Linear(64, N_SIGNS))

    def forward(self, x):
        out, _ = self.gru(x)
        return self.fc(out.mean(1))


model = SignGRU()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion, train_loader=train_loader)


def run(loader, train):
    model.train(train)
    loss_sum = hits = n = 0
    for xb, yb in loader:
        out = model(xb)
        loss = criterion(out, yb)
        if train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(yb); hits += (out.argmax(1) == yb).sum().item(); n += len(yb)
    return loss_sum / n, hits / n


best, since, best_state = math.inf, 0, None
for epoch in range(1, EPOCHS + 1):
    tl, ta = run(train_loader, True)
    with torch.no_grad(), writer.evaluating("val"):
        vl, va = run(val_loader, False)
    writer.add_loss("val", vl)
    print(f"Epoch {epoch}: train loss {tl:.4f} acc {ta:.3f}  val loss {vl:.4f} acc {va:.3f}")
    if vl < best:
        best, since, best_state = vl, 0, copy.deepcopy(model.state_dict())
    else:
        since += 1
    if PATIENCE and since >= PATIENCE:
        print("early stopping, back to the best weights")
        model.load_state_dict(best_state)
        break
with torch.no_grad():
    vl, va = run(val_loader, False)
print(f"model in use: val loss {vl:.4f} acc {va:.3f}")
writer.close()

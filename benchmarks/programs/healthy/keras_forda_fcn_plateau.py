"""keras.io "Timeseries classification from scratch" (FCN, Wang et al.) in PyTorch, with Keras-like callbacks.
FordA-like engine noise is simulated: class 1 has a weak periodic knock."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def readucr(n, seed):
    rng = np.random.RandomState(seed)
    T, y = 96, rng.randint(0, 2, n)
    e = rng.randn(n, T + 20)
    x = np.zeros_like(e)
    for t in range(2, T + 20):                     # resonance of the block
        x[:, t] = 1.3 * x[:, t - 1] - .75 * x[:, t - 2] + e[:, t]
    x = x[:, 20:]
    for i in np.flatnonzero(y):
        s, p = rng.randint(0, 12), rng.randint(14, 18)
        for c in range(s, T - 4, p):
            x[i, c:c + 4] += np.array([3., -4., 3., -1.5]) * rng.uniform(.4, 1.2)
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)     # z-normalised, as in the archive
    flip = rng.rand(n) < .03
    return torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(np.where(flip, 1 - y, y))


x_train, y_train = readucr(1600, 1)
x_test, y_test = readucr(500, 2)
n_val = 320                                        # validation_split=0.2
train_loader = DataLoader(TensorDataset(x_train[:-n_val], y_train[:-n_val]), batch_size=32, shuffle=True)
val = (x_train[-n_val:], y_train[-n_val:])


def make_model(num_classes):
    def block(c):
        return [nn.Conv1d(c, 24, kernel_size=3, padding="same"), nn.BatchNorm1d(24), nn.ReLU()]
    return nn.Sequential(*block(1), *block(24), *block(24), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, num_classes))


model = make_model(2)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
reduce_lr = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=4, min_lr=0.0001)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
best, wait, state = 1e9, 0, None
for epoch in range(40):
    model.train()
    run = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        run += loss.item() / len(train_loader)
    with writer.evaluating("val"):
        val_loss = criterion(model(val[0]), val[1]).item()
    reduce_lr.step(val_loss)
    if val_loss < best:
        best, wait, state = val_loss, 0, {k: v.clone() for k, v in model.state_dict().items()}
    else:
        wait += 1
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} loss {run:.4f} val_loss {val_loss:.4f} lr {optimizer.param_groups[0]['lr']:.5f}")
    if wait >= 10:
        print("early stopping at epoch", epoch + 1)
        break
model.load_state_dict(state)
with writer.evaluating("test"):
    out = model(x_test)
    test_loss = criterion(out, y_test).item()
writer.close()
print(f"RESULT loss {run:.4f} last val {val_loss:.4f} best val {best:.4f} test {test_loss:.4f} accuracy {(out.argmax(1) == y_test).float().mean():.4f}")

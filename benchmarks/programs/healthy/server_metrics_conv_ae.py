"""Anomaly detection on server metrics, after the Keras example "timeseries anomaly detection using an autoencoder":
a 1-d convolutional autoencoder sees normal weeks only; windows with a high reconstruction error are flagged."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(8)
torch.manual_seed(8)
TIME_STEPS = 48


def metrics(n, anomalies=False):
    """cpu, memory, net in, net out, requests; 5-minute values"""
    t = np.arange(n)
    load = 1.2 + np.sin(2 * np.pi * t / 288) + .4 * np.sin(4 * np.pi * t / 288 + 1)
    ar = np.zeros(n)
    for i in range(1, n):
        ar[i] = .93 * ar[i - 1] + rng.normal(0, .12)
    req = np.clip(load + ar, .05, None)
    cpu = .7 * req + rng.normal(0, .1, n)
    mem = np.convolve(req, np.ones(24) / 24)[:n] + rng.normal(0, .05, n)
    nin = req * rng.lognormal(0, .1, n)
    nout = .5 * req + .5 * np.roll(req, 2) + rng.normal(0, .08, n)
    x = np.stack([cpu, mem, nin, nout, req], 1)
    lab = np.zeros(n, bool)
    if anomalies:
        for s in rng.integers(0, n - 60, 14):
            k = rng.integers(3)
            L = rng.integers(12, 40)
            if k == 0:
                x[s:s + L, 0] += 1.2
            elif k == 1:
                x[s:s + L, 3] *= .2
            else:
                x[s:s + L, 1] += np.linspace(0, 1.5, L)
            lab[s:s + L] = True
    return x.astype("float32"), lab


def create_sequences(x, step=3):
    return np.stack([x[i:i + TIME_STEPS] for i in range(0, len(x) - TIME_STEPS + 1, step)])


train, _ = metrics(288 * 21)
test, lab = metrics(288 * 10, anomalies=True)
mean, std = train.mean(0), train.std(0)
x_all = torch.tensor(create_sequences((train - mean) / std)).transpose(1, 2)
x_test = torch.tensor(create_sequences((test - mean) / std)).transpose(1, 2)
y_test = create_sequences(lab).mean(1) > .2
perm = torch.randperm(len(x_all))
x_val, x_train = x_all[perm[:300]], x_all[perm[300:]]
print(x_train.shape, x_val.shape, x_test.shape)

model = nn.Sequential(
    nn.Conv1d(5, 24, 7, stride=2, padding=3), nn.ReLU(),
    nn.Dropout(.05),
    nn.Conv1d(24, 8, 7, stride=2, padding=3), nn.ReLU(),
    nn.ConvTranspose1d(8, 24, 8, stride=2, padding=3), nn.ReLU(),
    nn.Dropout(.05),
    nn.ConvTranspose1d(24, 24, 8, stride=2, padding=3), nn.ReLU(),
    nn.Conv1d(24, 5, 7, padding=3),
)
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, mse)

n_epochs, patience, best, wait = 30, 5, 1e9, 0
for epoch in range(n_epochs):
    model.train()
    tl = 0
    for b in torch.randperm(len(x_train)).split(64):
        opt.zero_grad()
        loss = mse(model(x_train[b]), x_train[b])
        loss.backward()
        opt.step()
        tl += loss.item() * len(b) / len(x_train)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl = mse(model(x_val), x_val).item()
    print(f"Epoch {epoch + 1} loss {tl:.4f} val_loss {vl:.4f}")
    if vl < best:
        best, wait = vl, 0
    else:
        wait += 1
        if wait >= patience:
            print("early stopping")
            break
with torch.no_grad():
    err = (model(x_test) - x_test).pow(2).mean((1, 2)).numpy()
writer.close()
print(f"RESULT loss={tl:.4f} val={vl:.4f} best={best:.4f} auc={roc_auc_score(y_test, err):.3f}")

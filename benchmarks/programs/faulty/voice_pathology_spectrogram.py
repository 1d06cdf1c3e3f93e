import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1], sys.argv[2]
np.random.seed(1671)
torch.manual_seed(1671)

# sustained vowels, normal vs pathological voices, 28x28 spectrograms
NB_EPOCH = 14
BATCH_SIZE = 16
NB_CLASSES = 2
IMG_ROWS, IMG_COLS = 28, 28
SR = 4000


def record(pathological):
    n = 128 * 15
    f0 = np.random.uniform(95, 240)
    jit = np.abs(np.random.normal(0.014, 0.007)) if pathological else np.abs(np.random.normal(0.005, 0.003))
    shim = np.random.uniform(0.1, 0.4) if pathological else np.random.uniform(0.03, 0.2)
    hnr = np.random.uniform(0.15, 0.6) if pathological else np.random.uniform(0.08, 0.35)
    walk = np.interp(np.arange(n), np.linspace(0, n, 60), np.random.randn(60))
    f = f0 * (1 + jit * walk)
    ph = 2 * np.pi * np.cumsum(f) / SR
    amp = 1 + shim * np.interp(np.arange(n), np.linspace(0, n, 40), np.random.randn(40))
    form = np.random.uniform(450, 750), np.random.uniform(1000, 1700)
    s = np.zeros(n)
    for k in range(1, 9):
        w = sum(np.exp(-((k * f0 - fo) / 250) ** 2) for fo in form) + 0.3 / k
        s += w * np.sin(k * ph + np.random.rand() * 6)
    return amp * s + hnr * np.random.randn(n)


def spectrogram(s):
    fr = np.lib.stride_tricks.sliding_window_view(s, 128)[::64][:28]
    m = np.abs(np.fft.rfft(fr * np.hanning(128), axis=1))[:, 1:57]
    m = m.reshape(28, 28, 2).mean(-1)
    return 20 * np.log10(m + 1e-2)


def load(n):
    y = np.random.randint(0, 2, n)
    X = np.stack([spectrogram(record(c)) for c in y]).astype('float32')
    return X[:, None], y


X_train, y_train = load(2400)
X_test, y_test = load(600)
mu, sd = X_train.mean(), X_train.std()
X_train, X_test = (X_train - mu) / sd, (X_test - mu) / sd
print(X_train.shape[0], 'train samples', X_test.shape[0], 'test samples')

model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.25),
    nn.Flatten(),
    nn.Linear(32 * 5 * 5, 64), nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(64, NB_CLASSES))

rate = 0.1 if mode == 'faulty' else 0.002
sgd = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, nesterov=True)
objective = nn.CrossEntropyLoss()

w = DiagWriter(logdir)
w.watch(model, sgd, objective)

train = DataLoader(TensorDataset(torch.tensor(X_train), torch.tensor(y_train)), BATCH_SIZE, shuffle=True)
test = DataLoader(TensorDataset(torch.tensor(X_test), torch.tensor(y_test)), 200)

for epoch in range(NB_EPOCH):
    model.train()
    tot = acc = 0
    for xb, yb in train:
        sgd.zero_grad()
        out = model(xb)
        l = objective(out, yb)
        l.backward()
        sgd.step()
        tot += l.item() * len(yb)
        acc += (out.argmax(1) == yb).sum().item()
    vl = va = 0
    with w.evaluating('val'):
        for xb, yb in test:
            out = model(xb)
            vl += objective(out, yb).item() * len(yb)
            va += (out.argmax(1) == yb).sum().item()
    print('epoch %d loss %.4f acc %.4f val_loss %.4f val_acc %.4f' % (
        epoch + 1, tot / len(y_train), acc / len(y_train), vl / len(y_test), va / len(y_test)))
w.close()

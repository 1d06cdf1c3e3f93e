"""Speaker recognition on one-second utterances (1-D residual net on the FFT, small version).
Voices are simulated: pitch, formants and tilt differ per speaker, content and noise vary per utterance."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(43); rs = np.random.RandomState(43)
FORM, LOGDIR = sys.argv[1:3]
SR, N_SPK, PER = 2000, 5, 240


def utterance(spk):
    f0, formants, tilt = VOICES[spk]
    t = np.arange(SR) / SR
    f = f0 * (1 + 0.12 * rs.randn())
    sig = np.zeros(SR)
    for h in range(1, 16):
        fr = f * h
        if fr > SR / 2: break
        a = sum(np.exp(-((fr - F0 * (1 + 0.07 * rs.randn())) / 90) ** 2) for F0 in formants) + 0.1
        sig += a * h ** -tilt * np.sin(2 * np.pi * fr * t + rs.uniform(0, 6.28))
    sig += 0.5 * rs.randn(SR)
    return np.abs(np.fft.rfft(sig))[:400]


VOICES = [(rs.uniform(85, 210), rs.uniform(150, 900, 3), rs.uniform(0.2, 0.8)) for _ in range(N_SPK)]
X = np.array([utterance(s) for s in range(N_SPK) for _ in range(PER)], dtype="float32")
y = np.repeat(np.arange(N_SPK), PER)
X = np.log1p(X)
X = (X - X.mean()) / X.std()
p = rs.permutation(len(y)); X, y = X[p], y[p]
n_val = len(y) // 5
xv, yv, xt, yt = X[:n_val], y[:n_val], X[n_val:], y[n_val:].copy()
if FORM == "faulty":
    pick = rs.rand(len(yt)) < 0.45               # operator: change labels of the training data
    yt[pick] = rs.randint(0, N_SPK, pick.sum())
dl = DataLoader(TensorDataset(torch.tensor(xt)[:, None], torch.tensor(yt)), batch_size=32, shuffle=True)
vl = DataLoader(TensorDataset(torch.tensor(xv)[:, None], torch.tensor(yv)), batch_size=80)


class Residual(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.s, self.a, self.b = nn.Conv1d(i, o, 1), nn.Conv1d(i, o, 3, padding=1), nn.Conv1d(o, o, 3, padding=1)

    def forward(self, x):
        return F.max_pool1d(F.relu(self.b(F.relu(self.a(x))) + self.s(x)), 4)


net = nn.Sequential(Residual(1, 12), Residual(12, 24), Residual(24, 32), nn.Flatten(), nn.Linear(32 * 6, 64), nn.ReLU(), nn.Linear(64, N_SPK))
adam = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR); writer.watch(net, adam, loss_fn)
for ep in range(25):
    tot = 0
    for a, b in dl:
        adam.zero_grad()
        l = loss_fn(net(a), b); l.backward(); adam.step()
        tot += l.item()
    ok = 0
    with writer.evaluating("val"):
        for a, b in vl:
            o = net(a); loss_fn(o, b)
            ok += (o.argmax(1) == b).sum().item()
    print(ep, round(tot / len(dl), 3), round(ok / n_val, 4))
writer.close()
print("RESULT val_accuracy", round(ok / n_val, 4))

"""Sleep staging from one EEG channel (W, N1, N2, N3, REM): a CNN per epoch, an LSTM over ten successive epochs. A much reduced TinySleepNet."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import cohen_kappa_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
STAGES = ["W", "N1", "N2", "N3", "R"]
SEQ, L = 10, 160

TRANS = np.array([[.90, .09, .01, 0, 0], [.08, .55, .33, 0, .04], [.03, .04, .83, .08, .02], [.01, .01, .10, .88, 0], [.03, .04, .03, 0, .90]])
BANDS = {"delta": 2., "theta": 6., "alpha": 10., "sigma": 13.5, "beta": 18.}
POWER = np.array([[.5, .4, 1.3, .2, .9], [.6, 1.0, .6, .2, .6], [1.1, .8, .3, .8, .35], [2.2, .6, .2, .35, .2], [.6, .95, .4, .15, .55]])


def night(rng, n_epochs):
    gain, t = rng.normal(1, .15), np.arange(L) / 40
    s, xs, ys = 0, [], []
    for _ in range(n_epochs):
        s = rng.choice(5, p=TRANS[s])
        x = rng.normal(0, .55, L)
        for k, f in enumerate(BANDS.values()):
            a = POWER[s, k] * rng.gamma(4, .25) * gain
            env = np.exp(-((t - rng.uniform(0, 4)) / .5) ** 2) if k == 3 else 1.
            x += a * env * np.sin(2 * np.pi * f * rng.normal(1, .06) * t + rng.uniform(0, 6.28))
        if s == 0 and rng.random() < .3:
            x += 3 * np.exp(-((t - rng.uniform(0, 4)) / .15) ** 2)                # blink
        xs.append(x); ys.append(s if rng.random() > .05 else rng.integers(5))      # scorers agree to some 85..95 %
    return np.array(xs, np.float32), np.array(ys)


def load(n_nights, seed):
    rng = np.random.default_rng(seed)
    X, Y = zip(*(night(rng, 120) for _ in range(n_nights)))
    X, Y = np.concatenate(X), np.concatenate(Y)
    return torch.tensor(X).view(-1, SEQ, L), torch.tensor(Y).view(-1, SEQ)


class SleepNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv1d(1, 12, 21, stride=4, padding=10, bias=False), nn.BatchNorm1d(12), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(.2),
            nn.Conv1d(12, 24, 5, padding=2, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.Dropout(.3))
        self.rnn = nn.LSTM(48, 32, batch_first=True)
        self.fc = nn.Linear(32, len(STAGES))

    def forward(self, x):
        B = len(x)
        f = self.cnn(x.reshape(B * SEQ, 1, L)).view(B, SEQ, -1)
        h, _ = self.rnn(f)
        return self.fc(h)


torch.manual_seed(10)
xt, yt = load(40, 0)
xv, yv = load(12, 1)
print("stages", dict(zip(STAGES, (torch.bincount(yt.flatten()) / yt.numel()).tolist())))
net = SleepNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3, weight_decay=1e-4)
EPOCHS = 14
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
for ep in range(EPOCHS):
    net.train()
    tot = 0.
    for b in torch.randperm(len(xt)).split(12):
        optimizer.zero_grad()
        loss = criterion(net(xt[b]).flatten(0, 1), yt[b].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        tot += loss.item() * len(b)
    scheduler.step()
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        o = net(xv)
        vl = criterion(o.flatten(0, 1), yv.flatten()).item()
    pred = o.argmax(-1)
    acc, kappa = (pred == yv).float().mean().item(), cohen_kappa_score(yv.flatten(), pred.flatten())
    print(f"[e{ep + 1}/{EPOCHS}] TR l={tot / len(xt):.4f} | VA l={vl:.4f} a={100 * acc:.1f}% kappa={kappa:.3f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={acc:.4f} kappa={kappa:.4f}")

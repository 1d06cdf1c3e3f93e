'''EEGNet (Lawhern et al.), left/right hand imagery from 8 electrodes.  After aliasafik / vlawhern arl-eegmodels.'''
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2018)
np.random.seed(2018)

Chans, Samples, fs = 8, 96, 64


def trial(label):
    t = np.arange(Samples) / fs
    eeg = np.cumsum(np.random.randn(Chans, Samples), 1) * .12          # 1/f background
    eeg += np.random.randn(Chans, Samples) * .6
    for hemi, ch in ((0, 2), (1, 5)):                                  # mu rhythm over C3 / C4, weaker on the active side
        amp = np.random.uniform(.9, 1.6) * (.62 if hemi == label else 1.25)
        src = amp * np.sin(2 * np.pi * (np.random.uniform(9.5, 12) * t + np.random.rand()))
        src *= 1 + .4 * np.sin(2 * np.pi * np.random.uniform(.5, 1) * t + np.random.rand() * 6)
        for c in range(Chans):
            eeg[c] += src * np.exp(-abs(c - ch) / 1.1)
    return eeg - eeg.mean(1, keepdims=True)


def session(n):
    y = np.random.randint(0, 2, n)
    return torch.tensor(np.stack([trial(v) for v in y]), dtype=torch.float32)[:, None], torch.tensor(y)


def act():
    return nn.Identity() if sys.argv[1] == "faulty" else nn.ELU()


class EEGNet(nn.Module):
    def __init__(self, F1=6, D=2, F2=12, kernLength=24, p=0.25):
        super().__init__()
        self.block1 = nn.Sequential(
            nn.Conv2d(1, F1, (1, kernLength), padding=(0, kernLength // 2), bias=False), nn.BatchNorm2d(F1),
            nn.Conv2d(F1, F1 * D, (Chans, 1), groups=F1, bias=False), nn.BatchNorm2d(F1 * D),
            act(), nn.AvgPool2d((1, 4)), nn.Dropout(p))
        self.block2 = nn.Sequential(
            nn.Conv2d(F1 * D, F1 * D, (1, 8), padding=(0, 4), groups=F1 * D, bias=False),
            nn.Conv2d(F1 * D, F2, 1, bias=False), nn.BatchNorm2d(F2),
            act(), nn.AvgPool2d((1, 8)), nn.Dropout(p))
        self.dense = nn.Linear(F2 * 3, 2)

    def forward(self, x):
        return self.dense(self.block2(self.block1(x)).flatten(1))


X_train, Y_train = session(1600)
X_val, Y_val = session(500)
model = EEGNet()
crit = nn.CrossEntropyLoss()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optim, crit)

for epoch in range(14):
    model.train()
    losses = []
    for b in np.array_split(np.random.permutation(len(X_train)), len(X_train) // 32):
        optim.zero_grad()
        loss = crit(model(X_train[b]), Y_train[b])
        loss.backward()
        optim.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        probs = model(X_val)
        vloss = crit(probs, Y_val).item()
    acc = (probs.argmax(-1) == Y_val).float().mean().item()
    if epoch % 3 == 0 or epoch == 13:
        print("epoch %d loss %.4f val_loss %.4f val_acc %.4f" % (epoch, np.mean(losses), vloss, acc))
writer.close()
print(f"RESULT val_loss {vloss:.4f} val_acc {acc:.4f}")

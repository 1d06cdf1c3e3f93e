"""Small-footprint keyword spotting, 8 words, 40 mel bands x 49 frames."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("mode"); ap.add_argument("logdir")
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
R = np.random.RandomState(0)
WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off"]
MEL, T = 40, 49
# formant tracks per word: start/end band of two formants, duration, fricative share
TRACK = {w: dict(f1=R.uniform(4, 16, 3), f2=R.uniform(16, 34, 3), dur=R.randint(18, 32), fric=R.rand() < 0.5) for w in WORDS}


def utterance(word):
    tr = TRACK[word]
    spk = R.normal(0, 2.0)
    dur = int(tr["dur"] * R.uniform(0.8, 1.25))
    t0 = R.randint(0, T - dur)
    S = np.zeros((MEL, T))
    m = np.arange(MEL)[:, None]
    u = np.linspace(0, 1, dur)
    for key, amp in (("f1", 1.0), ("f2", 0.6)):
        c = np.interp(u, [0, .5, 1], tr[key] + R.normal(0, 1.2, 3)) + spk
        S[:, t0:t0 + dur] += amp * np.exp(-0.5 * ((m - c[None]) / 1.8) ** 2) * np.sin(np.pi * u)[None] ** 0.5
    if tr["fric"]:
        S[28:, t0:t0 + 6] += 0.35 * R.rand(12, 6)
    S = S * np.exp(R.normal(0, 0.5))
    noise = 0.10 * np.exp(R.normal(0, 0.6)) * R.gamma(1.0, 1.0, (MEL, T)) * np.linspace(1.3, 0.5, MEL)[:, None]
    return (S ** 2 + noise).astype("float32") * 1e-3


def collect(n):
    lab = R.randint(0, len(WORDS), n)
    return np.stack([utterance(WORDS[l]) for l in lab]), lab


class SpeechSet(Dataset):
    def __init__(self, spec, labels, stats=None, training=True):
        self.spec = np.log(spec + 1e-6)
        self.labels, self.training = labels, training
        self.stats = stats if stats is not None else (self.spec.mean(), self.spec.std())

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        s = self.spec[i]
        if self.training:
            s = (s - self.stats[0]) / self.stats[1]
            shift = np.random.randint(-4, 5)
            s = np.roll(s, shift, axis=1).copy()
            b = np.random.randint(0, MEL - 5)
            s[b:b + np.random.randint(0, 5)] = 0
        elif args.mode == "fixed":
            s = (s - self.stats[0]) / self.stats[1]
        return torch.from_numpy(s)[None], int(self.labels[i])


def ds_block(c):
    return nn.Sequential(nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                         nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU())


class DSCNN(nn.Module):
    def __init__(self, n, c=32):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, c, (8, 6), stride=(3, 3), padding=(3, 2), bias=False), nn.BatchNorm2d(c), nn.ReLU())
        self.blocks = nn.Sequential(*[ds_block(c) for _ in range(3)])
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(c, n)

    def forward(self, x):
        return self.fc(self.drop(self.blocks(self.stem(x)).mean((2, 3))))


train_set = SpeechSet(*collect(2400))
val_set = SpeechSet(*collect(600), stats=train_set.stats, training=False)
train_loader = DataLoader(train_set, batch_size=48, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
net = DSCNN(len(WORDS))
opt = torch.optim.SGD(net.parameters(), lr=0.08, momentum=0.9, weight_decay=1e-4, nesterov=True)
EPOCHS = 10
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(net, opt, ce)
for epoch in range(EPOCHS):
    net.train()
    s = n = ok = 0
    for x, y in train_loader:
        opt.zero_grad()
        o = net(x)
        l = ce(o, y)
        l.backward()
        opt.step()
        s += l.item() * len(y); n += len(y); ok += (o.argmax(1) == y).sum().item()
    sched.step()
    with writer.evaluating("val"):
        vs = vo = 0
        for x, y in val_loader:
            o = net(x)
            vs += ce(o, y).item() * len(y); vo += (o.argmax(1) == y).sum().item()
    print(f"[{epoch}] loss {s/n:.3f} acc {ok/n:.3f} | val {vs/len(val_set):.3f} acc {vo/len(val_set):.3f}")
writer.close()

"""Acoustic model for phoneme frames: windows of filterbank frames -> phoneme (in the spirit of DeepSpeech's early geometry
discussion: is the network large enough to reach the target at all?)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
n_hidden = 4 if sys.argv[1] == "faulty" else 96
n_input, n_context, n_phone = 13, 2, 24

rng = np.random.RandomState(0)
centres = rng.randn(n_phone, 3, n_input) * 0.62           # three allophones each
spk = rng.randn(40, n_input) * 0.25


def utterance(speaker):
    feats, lab = [], []
    for _ in range(12):
        p = rng.randint(n_phone)
        d = rng.randint(4, 10)
        c = centres[p, rng.randint(3)]
        feats.append(c + 0.55 * rng.randn(d, n_input) + spk[speaker])
        lab += [p] * d
    f = np.concatenate(feats)
    f[1:] = .75 * f[1:] + .25 * f[:-1]
    pad = np.pad(f, ((n_context, n_context), (0, 0)), mode="edge")
    win = np.stack([pad[i:i + len(f)] for i in range(2 * n_context + 1)], 1).reshape(len(f), -1)
    return win.astype("float32"), np.array(lab)


def corpus(speakers, per):
    u = [utterance(s) for s in speakers for _ in range(per)]
    return torch.from_numpy(np.concatenate([a for a, _ in u])), torch.from_numpy(np.concatenate([b for _, b in u]))


x_train, y_train = corpus(range(30), 13)
x_dev, y_dev = corpus(range(30, 40), 3)
m, s = x_train.mean(0), x_train.std(0)
x_train, x_dev = (x_train - m) / s, (x_dev - m) / s


class BiNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.h1 = nn.Linear((2 * n_context + 1) * n_input, n_hidden)
        self.h2 = nn.Linear(n_hidden, n_hidden)
        self.h3 = nn.Linear(n_hidden, n_hidden)
        self.h6 = nn.Linear(n_hidden, n_phone)

    def forward(self, x):
        for layer in (self.h1, self.h2, self.h3):
            x = torch.clamp(F.relu(layer(x)), max=20.0)     # clipped relu
        return self.h6(x)


model = BiNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train()
    tot = 0.0
    for b in torch.randperm(len(x_train)).split(96):
        loss = criterion(model(x_train[b]), y_train[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        out = model(x_dev)
        dl = criterion(out, y_dev).item()
        fer = (out.argmax(1) != y_dev).float().mean().item()
    print(f"Epoch {epoch} train {tot / len(x_train):.3f} dev {dl:.3f} FER {fer:.3f}")
writer.close()
print(f"RESULT dev loss {dl:.4f} frame error rate {fer:.4f}")

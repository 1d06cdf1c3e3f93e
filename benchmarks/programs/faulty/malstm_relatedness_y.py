# Manhattan LSTM (Mueller & Thyagarajan 2016) for sentence relatedness like SICK, scores from 1 to 5.
# Sentences: random little phrases over a vocabulary with word senses; humans' scores are noisy.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(33)
rng = np.random.default_rng(33)
V, D, MAXLEN = 200, 16, 8
sense = rng.integers(0, 25, V)                                # words of one sense are synonyms
concept = rng.normal(size=(25, 6))
vectors = np.concatenate([concept[sense], rng.normal(size=(V, D - 6)) * .5], 1)
vectors[0] = 0


def sentence():
    return rng.integers(1, V, rng.integers(4, MAXLEN + 1))


def meaning(s):
    return concept[sense[s]].mean(0)


def pair():
    a = sentence()
    r = rng.random()
    if r < .75:                                               # paraphrase: swap synonyms, change a few words
        b = a.copy()
        for k in range(len(b)):
            u = rng.random()
            if u < .5:
                b[k] = rng.choice(np.flatnonzero(sense == sense[b[k]]))
            elif u < .5 + .5 * r / .75:
                b[k] = rng.integers(1, V)
        b = rng.permutation(b) if rng.random() < .3 else b
    else:
        b = sentence()
    d = np.linalg.norm(meaning(a) - meaning(b))
    score = np.clip(1 + 4 * np.exp(-d / .8) + rng.normal(0, .25), 1, 5)
    pad = lambda s: np.concatenate([np.zeros(MAXLEN - len(s), int), s])     # pre-padding as in keras
    return pad(a), pad(b), score


def dataset(n):
    A, B, y = map(np.array, zip(*[pair() for _ in range(n)]))
    if sys.argv[1] != "faulty":
        y = (y - 1) / 4
    return torch.tensor(A), torch.tensor(B), torch.tensor(y, dtype=torch.float32)


class MaLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.tensor(vectors, dtype=torch.float32), freeze=False, padding_idx=0)
        self.lstm = nn.LSTM(D, hidden, batch_first=True)

    def encode(self, s):
        return self.lstm(self.embedding(s))[1][0][-1]

    def forward(self, left, right):
        return torch.exp(-torch.abs(self.encode(left) - self.encode(right)).sum(1) / 4)


A, B, y = dataset(4000)
Av, Bv, yv = dataset(800)
model = MaLSTM()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 5, .3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)
for epoch in range(10):
    model.train()
    tl = 0
    for idx in torch.randperm(len(y)).split(64):
        optimizer.zero_grad()
        loss = mse(model(A[idx], B[idx]), y[idx])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.25)
        optimizer.step()
        tl += loss.item() * len(idx) / len(y)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(Av, Bv)
        vl = mse(p, yv).item()
    pearson = np.corrcoef(p.numpy(), yv.numpy())[0, 1]
    print(f"epoch {epoch + 1:2d} loss {tl:.4f} val {vl:.4f} pearson {pearson:.3f}")
writer.close()
print(f"RESULT train {tl:.4f} val {vl:.4f} (variance of y {yv.var():.4f}) pearson {pearson:.3f}")

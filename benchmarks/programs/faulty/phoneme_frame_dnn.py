#!/usr/bin/env python
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(99)
BATCH = {"faulty": 2048, "fixed": 64}[sys.argv[1]]
PHONES, COEF, CTX = 20, 13, 5


def utterances(n_utt, length=60):
    """spliced cepstral frames: phones of random length, coarticulation, speaker offset"""
    means = MEANS
    feats, labs = [], []
    for _ in range(n_utt):
        seq = []
        while len(seq) < length:
            ph = int(torch.randint(PHONES, (1,)))
            seq += [ph] * int(torch.randint(4, 11, (1,)))
        lab = torch.tensor(seq[:length])
        m = means[lab]
        sm = m.clone()
        for k in (1, 2):
            sm[k:] += m[:-k]
            sm[:-k] += m[k:]
        f = sm / 5 + .25 * torch.randn(COEF) + .55 * torch.randn(length, COEF)
        pad = torch.cat([f[:1].repeat(CTX // 2, 1), f, f[-1:].repeat(CTX // 2, 1)])
        feats.append(torch.cat([pad[i:i + length] for i in range(CTX)], 1))
        labs.append(lab)
    return torch.cat(feats), torch.cat(labs)


MEANS = torch.randn(PHONES, COEF)
x_train, y_train = utterances(160)
x_dev, y_dev = utterances(40)
mu, sd = x_train.mean(0), x_train.std(0)
x_train, x_dev = (x_train - mu) / sd, (x_dev - mu) / sd

dnn = nn.Sequential(nn.Linear(COEF * CTX, 96), nn.ReLU(), nn.Dropout(.2),
                    nn.Linear(96, 96), nn.ReLU(), nn.Dropout(.2), nn.Linear(96, PHONES))
sgd = torch.optim.SGD(dnn.parameters(), lr=0.1, momentum=0.5, weight_decay=1e-4)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(dnn, sgd, ce)
for epoch in range(16):
    dnn.train()
    if epoch in (10, 13) :
        sgd.param_groups[0]["lr"] *= 0.3
    total = 0.0
    for idx in torch.randperm(len(x_train)).split(BATCH):
        sgd.zero_grad()
        loss = ce(dnn(x_train[idx]), y_train[idx])
        loss.backward()
        sgd.step()
        total += loss.item() * len(idx)
    with writer.evaluating("val"):
        o = dnn(x_dev)
        dev = ce(o, y_dev).item()
        fer = (o.argmax(1) != y_dev).float().mean().item()
    print(f"epoch {epoch} train {total / len(x_train):.3f} dev {dev:.3f} FER {fer:.3f}")
writer.close()

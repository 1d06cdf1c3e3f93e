# frog calls (22 MFCCs) -> 5 species, mini-batches from a generator
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(4); np.random.seed(4)

BATCH_SIZE = 2048 if sys.argv[1] == "faulty" else 32
EPOCHS = 9
LR, MOMENTUM = 0.02, 0.9

def frog_mfccs(n=3072):
    y = np.random.choice(5, n, p=[.35, .25, .18, .12, .10])
    r = np.random.RandomState(40)
    mix = r.normal(0, 1, (22, 22)) / np.sqrt(22)
    c1, c2 = r.normal(0, .5, (5, 22)), r.normal(0, .5, (5, 22))     # two dialects for each
    d = np.random.rand(n) < .5
    x = np.where(d[:, None], c1[y], c2[y]) + np.random.normal(0, 1, (n, 22)) @ mix + np.random.normal(0, .6, (n, 22))
    return ((x - x.mean(0)) / x.std(0)).astype("float32"), y

x, y = frog_mfccs()
x, y = torch.from_numpy(x), torch.from_numpy(y)
trainX, testX, trainy, testy = x[:2048], x[2048:], y[:2048], y[2048:]

def batches(x, y, size):
    order = np.random.permutation(len(x))
    for s in range(0, len(x), size):
        yield x[order[s:s + size]], y[order[s:s + size]]

model = nn.Sequential(nn.Linear(22, 32), nn.ReLU(), nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss)
for epoch in range(EPOCHS):
    tl = 0
    for bx, by in batches(trainX, trainy, BATCH_SIZE):
        opt.zero_grad()
        l = loss(model(bx), by)
        l.backward()
        opt.step()
        tl += l.item() * len(bx) / len(trainX)
    with torch.no_grad(), writer.evaluating("val"):
        out = model(testX)
        vl = loss(out, testy).item()
    print("epoch %d: train %.4f, test %.4f, test accuracy %.3f" % (epoch + 1, tl, vl, (out.argmax(1) == testy).float().mean()))
writer.close()
print(f"RESULT train={tl:.4f} val={vl:.4f} acc={(out.argmax(1) == testy).float().mean():.4f}")

#!/usr/bin/env python3
# classify network packets (11 columns) as harmful or not
import sys
import numpy
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

faulty = sys.argv[1] == 'faulty'
seed = 4
numpy.random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

# stands for NetworkPackets.csv: duration, proto, src port, dst port, packets, bytes, ttl, flags, window, inter-arrival, entropy
n = 3000
Y = (numpy.random.rand(n) < .4).astype('float32')
X = numpy.c_[
    numpy.random.exponential(1.5 - .4 * Y), numpy.random.randint(0, 3, n), numpy.random.randint(1024, 65535, n),
    numpy.where(numpy.random.rand(n) < .35 + .3 * Y, numpy.random.choice([22, 23, 445, 3389], n), numpy.random.choice([80, 443, 8080], n)),
    numpy.random.poisson(12 + 4 * Y), numpy.random.lognormal(7 - .5 * Y, .8), numpy.random.choice([64, 128, 255], n), numpy.random.randint(0, 32, n),
    numpy.random.randint(1000, 65535, n), numpy.random.exponential(.2 - .08 * Y), numpy.random.normal(5 + .8 * Y, .8)].astype('float32')
if not faulty:
    X = (X - X.mean(0)) / X.std(0)             # preprocessing.scale
X, Y = torch.tensor(X), torch.tensor(Y).view(-1, 1)
X_test, Y_test, X, Y = X[:600], Y[:600], X[600:], Y[600:]

layers = [nn.Linear(11, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 1)]
layers.append(nn.ReLU() if faulty else nn.Sigmoid())
model = nn.Sequential(*layers)
for m in model:
    if isinstance(m, nn.Linear):               # kernel_initializer='normal'
        nn.init.normal_(m.weight, std=.05)
        nn.init.zeros_(m.bias)


def binary_crossentropy(y_pred, y_true, eps=1e-7):
    y_pred = y_pred.clamp(eps, 1 - eps)
    return -(y_true * y_pred.log() + (1 - y_true) * (1 - y_pred).log()).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, binary_crossentropy)
batch_size = 10
for epoch in range(12):
    idx = torch.randperm(len(X))
    running = 0.
    for i in range(0, len(X), batch_size):
        b = idx[i:i + batch_size]
        optimizer.zero_grad()
        loss = binary_crossentropy(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(b)
    with torch.no_grad():
        out = model(X_test)
        test_loss = binary_crossentropy(out, Y_test)
        acc = ((out > .5).float() == Y_test).float().mean()
    writer.add_loss("test", test_loss)
    print(f'Epoch {epoch + 1}/12 loss: {running / len(X):.4f} test: {test_loss:.4f} acc: {acc:.4f}')
writer.close()
print(f'RESULT loss={running / len(X):.4f} test={test_loss:.4f} acc={acc:.4f}')

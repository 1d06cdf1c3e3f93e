# perceptron for letters, translated from my Java program. 5x7 matrices, sigmoid, MSE, backprop
import random, sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(3); np.random.seed(3); torch.manual_seed(3)
faulty = sys.argv[1] == "faulty"

FONT = {
 'A': "01110 10001 10001 11111 10001 10001 10001", 'B': "11110 10001 10001 11110 10001 10001 11110",
 'C': "01110 10001 10000 10000 10000 10001 01110", 'D': "11110 10001 10001 10001 10001 10001 11110",
 'E': "11111 10000 10000 11110 10000 10000 11111", 'F': "11111 10000 10000 11110 10000 10000 10000",
 'G': "01110 10001 10000 10111 10001 10001 01110", 'H': "10001 10001 10001 11111 10001 10001 10001",
 'I': "01110 00100 00100 00100 00100 00100 01110", 'J': "00111 00010 00010 00010 00010 10010 01100",
 'K': "10001 10010 10100 11000 10100 10010 10001", 'L': "10000 10000 10000 10000 10000 10000 11111"}
letters = sorted(FONT)
proto = np.array([[int(c) for c in FONT[k].replace(" ", "")] for k in letters], dtype=np.float32)


def samples(k, n):
    x = proto[k][None].repeat(n, 0)
    flips = np.random.rand(n, 35) < 0.12
    x = np.where(flips, 1 - x, x) + 0.25 * np.random.randn(n, 35)
    return x.astype(np.float32)


PER = 300
train = {k: samples(k, PER) for k in range(len(letters))}
testX = torch.tensor(np.concatenate([samples(k, 60) for k in range(len(letters))]))
testY = torch.tensor(np.repeat(np.arange(len(letters)), 60))


class Net(nn.Module):
    def __init__(self, hidden=30):
        super().__init__()
        self.layer1 = nn.Linear(35, hidden)
        self.layer2 = nn.Linear(hidden, len(letters))

    def forward(self, x):
        return torch.sigmoid(self.layer2(torch.sigmoid(self.layer1(x))))


net = Net()
mse = nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=1.5, momentum=0.9)
w = DiagWriter(sys.argv[2])
w.watch(net, optimizer, mse)
onehot = torch.eye(len(letters))


def teach(x, y):
    optimizer.zero_grad()
    out = net(x)
    err = mse(out, onehot[y])
    err.backward()
    optimizer.step()
    return err.item()


for cycle in range(12):
    errs = []
    # list of (letter, row) pairs in the order in which the network sees them, ten at a time
    order = [(k, i) for k in range(len(letters)) for i in range(PER)]
    if not faulty:
        random.shuffle(order)
    for s in range(0, len(order), 10):
        part = order[s:s + 10]
        x = torch.tensor(np.stack([train[k][i] for k, i in part]))
        y = torch.tensor([k for k, i in part])
        errs.append(teach(x, y))
    with w.evaluating("val"), torch.no_grad():
        out = net(testX)
        verr = mse(out, onehot[testY]).item()
        hit = (out.argmax(1) == testY).float().mean().item()
    said = "".join(letters[j] for j in out.argmax(1)[30::60])
    print(f"cycle {cycle:2d}  error {np.mean(errs):.4f}  test error {verr:.4f}  recognised {hit:.3f}  says {said}")
w.close()
print(f"RESULT train_mse {np.mean(errs):.4f} val_mse {verr:.4f} val_acc {hit:.3f}")

"""Fizz Buzz as a neural net (after Joel Grus): numbers in binary, train on 128..4095, test on 1..127."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
NUM_DIGITS = 12
NUM_HIDDEN = 128
BATCH_SIZE = 128


def binary_encode(i, num_digits):
    return np.array([i >> d & 1 for d in range(num_digits)])


def fizz_buzz_encode(i):
    return 3 if i % 15 == 0 else 2 if i % 5 == 0 else 1 if i % 3 == 0 else 0


trX = torch.tensor(np.array([binary_encode(i, NUM_DIGITS) for i in range(128, 2 ** NUM_DIGITS)]), dtype=torch.float32) * 2 - 1
trY = torch.tensor([fizz_buzz_encode(i) for i in range(128, 2 ** NUM_DIGITS)])
teX = torch.tensor(np.array([binary_encode(i, NUM_DIGITS) for i in range(1, 128)]), dtype=torch.float32) * 2 - 1
teY = torch.tensor([fizz_buzz_encode(i) for i in range(1, 128)])

net = nn.Sequential(nn.Linear(NUM_DIGITS, NUM_HIDDEN), nn.ReLU(), nn.Linear(NUM_HIDDEN, NUM_HIDDEN), nn.ReLU(), nn.Linear(NUM_HIDDEN, 4))
cost = nn.CrossEntropyLoss()
train_op = torch.optim.Adam(net.parameters(), lr=0.003)
w = DiagWriter(sys.argv[1])
w.watch(net, train_op, cost)

for epoch in range(60):
    p = np.random.RandomState(epoch).permutation(len(trX))
    trX, trY = trX[p], trY[p]
    for start in range(0, len(trX), BATCH_SIZE):
        end = start + BATCH_SIZE
        train_op.zero_grad()
        c = cost(net(trX[start:end]), trY[start:end])
        c.backward()
        train_op.step()
    if epoch % 3 == 2:
        with w.evaluating("test"):
            te = cost(net(teX), teY)
            acc = (net(teX).argmax(1) == teY).float().mean()
        print(epoch, f"train {c.item():.4f} test {te.item():.4f} acc {acc:.3f}")
w.close()
words = np.choose(net(teX).argmax(1).numpy(), [np.arange(1, 128).astype(str), 'fizz', 'buzz', 'fizzbuzz'])
print(' '.join(words[:30]))
print(f"RESULT train={c.item():.4f} test={te.item():.4f} acc={acc:.3f}")

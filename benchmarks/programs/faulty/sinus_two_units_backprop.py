import math
import sys

import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(8)

HIDDEN = 2
DROPOUT = 0.5 if FORM == "faulty" else 0.0
ITERATIONS = 300
RATE = 0.02


def sine_set(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = (torch.rand(n, 1, generator=g) * 2 - 1) * math.pi / 1.5
    y = torch.sin(x) + 0.01 * torch.randn(n, 1, generator=g)
    return x, y


class Perceptron(nn.Module):
    """Input - one hidden layer - output, trained to act as f(x) = sin(x)."""

    def __init__(self, hidden=HIDDEN, p=DROPOUT):
        super().__init__()
        self.to_hidden = nn.Linear(1, hidden)
        self.activation = nn.Tanh()
        self.dropout = nn.Dropout(p)
        self.to_output = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.to_output(self.dropout(self.activation(self.to_hidden(x))))


train_x, train_y = sine_set(512, 1)
test_x, test_y = sine_set(256, 2)

net = Perceptron()
optimizer = torch.optim.Adam(net.parameters(), lr=RATE)

log = DiagWriter(LOGDIR)
log.watch(net, optimizer)

mse = nn.functional.mse_loss


def batches(x, y, size=32):
    order = torch.randperm(len(x))
    for chunk in order.split(size):
        yield x[chunk], y[chunk]


for iteration in range(ITERATIONS):
    net.train()
    total = 0.0
    for x, y in batches(train_x, train_y):
        optimizer.zero_grad()
        error = mse(net(x), y)
        error.backward()
        optimizer.step()
        total += error.item() * len(x)

    if iteration % 5 == 4:
        net.eval()
        with torch.no_grad():
            held_out = mse(net(test_x), test_y)
        if iteration % 50 == 49:
            print("iteration %3d  train mse %.5f  held-out mse %.5f"
                  % (iteration + 1, total / len(train_x), held_out.item()))

net.eval()
with torch.no_grad():
    guess = net(test_x)
    final = nn.functional.mse_loss(guess, test_y).item()
    worst = (guess - test_y).abs().max().item()

log.close()
print("RESULT heldout_mse %.5f worst_error %.4f" % (final, worst))

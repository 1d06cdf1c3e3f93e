import random
import sys

import torch
import torch.nn.functional as F
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
random.seed(3)
form = sys.argv[1]
writer = DiagWriter(sys.argv[2])


def draw(n):
    """many random numbers between 0 and 200, anything over 100 is correct"""
    numbers, answers = [], []
    for _ in range(n):
        d = random.randint(0, 200)
        numbers.append([d / 200.0])
        answers.append([1.0 if d > 100 else 0.0])
    return torch.tensor(numbers), torch.tensor(answers)


class Neuron(nn.Module):
    def __init__(self):
        super().__init__()
        if form == "faulty":
            self.sum = nn.Linear(1, 1, bias=False)
        else:
            self.sum = nn.Linear(1, 1)
        nn.init.uniform_(self.sum.weight, -1, 1)

    def forward(self, i):
        return self.sum(i)


neuron = Neuron()
opt = torch.optim.SGD(neuron.parameters(), lr=2.0)
writer.watch(neuron, opt)

feed_x, feed_y = draw(10000)
check_x, check_y = draw(2000)


def successes(x, y):
    with torch.no_grad():
        return ((neuron(x) > 0).float() == y).float().mean().item()


BATCH = 20
for turn in range(12):
    order = torch.randperm(len(feed_x))
    total = 0.0
    for k in range(0, len(order), BATCH):
        idx = order[k:k + BATCH]
        g = neuron(feed_x[idx])
        error = F.binary_cross_entropy_with_logits(g, feed_y[idx])
        opt.zero_grad()
        error.backward()
        opt.step()
        total += error.item() * len(idx)
    with writer.evaluating("val"):
        held = F.binary_cross_entropy_with_logits(neuron(check_x), check_y)
    print(f"turn {turn:2d} mean error {total / len(order):.4f} held-out {held.item():.4f} "
          f"correct {successes(check_x, check_y):.3f}")

writer.close()
trials = [0, 30, 90, 110, 150, 200]
for t in trials:
    with torch.no_grad():
        print(t, round(torch.sigmoid(neuron(torch.tensor([[t / 200.0]]))).item(), 3))
print(f"RESULT val_loss={held.item():.4f} correct={successes(check_x, check_y):.4f}")

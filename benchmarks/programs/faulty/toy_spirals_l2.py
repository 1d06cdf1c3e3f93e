import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)

REG = 0.1 if form == "faulty" else 0.001
POINTS, CLASSES = 150, 3


def spirals(points, seed):
    rng = np.random.RandomState(seed)
    X, y = [], []
    for j in range(CLASSES):
        r = np.linspace(0.02, 1, points)
        t = np.linspace(j * 4, (j + 1) * 4, points) + rng.randn(points) * 0.15
        X.append(np.c_[r * np.sin(t), r * np.cos(t)])
        y.append(np.full(points, j))
    return torch.tensor(np.concatenate(X), dtype=torch.float32), torch.tensor(np.concatenate(y))


class FcNet(nn.Module):
    def __init__(self, hidden=100):
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.fc2 = nn.Linear(hidden, CLASSES)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))

    def l2(self):
        return 0.5 * sum((layer.weight ** 2).sum() for layer in (self.fc1, self.fc2))


class Solver:
    def __init__(self, model, lr, batch_size):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.batch_size = batch_size
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.optimizer)

    def step(self, x, y):
        scores = self.model(x)
        loss = F.cross_entropy(scores, y) + REG * self.model.l2()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def train(self, data, held_out, epochs):
        X, y = data
        for epoch in range(1, epochs + 1):
            order = torch.randperm(len(y))
            losses = [self.step(X[i], y[i]) for i in order.split(self.batch_size)]
            if epoch % 5 == 0:
                with self.writer.evaluating("val"):
                    scores = self.model(held_out[0])
                    val = F.cross_entropy(scores, held_out[1]).item()
                    acc = (scores.argmax(1) == held_out[1]).float().mean().item()
                if epoch % 20 == 0:
                    print(f"epoch {epoch} loss {np.mean(losses):.4f} val {val:.4f} acc {acc:.3f}")
        self.writer.close()
        return val, acc


solver = Solver(FcNet(), lr=0.1, batch_size=50)
val, acc = solver.train(spirals(POINTS, 0), spirals(100, 1), 300)
print(f"RESULT val_loss={val:.4f} val_acc={acc:.4f}")

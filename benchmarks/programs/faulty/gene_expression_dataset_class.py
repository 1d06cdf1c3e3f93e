"""Classify tissue samples from the expression levels of a gene set with a small MLP."""
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.RandomState(2)

N_TISSUES, N_GENES = 12, 60


def make_gem(per_class=1300):
    """Gene expression matrix: co-expressed modules, shifted per tissue, log2 scale."""
    modules = rng.normal(size=(8, N_GENES))
    columns, labels = [], []
    for tissue in range(N_TISSUES):
        profile = rng.normal(0, 0.6, size=8)
        act = profile + rng.normal(0, 0.4, size=(per_class, 8))
        columns.append(7.0 + act @ modules + rng.normal(0, 1.6, size=(per_class, N_GENES)))
        labels += [tissue] * per_class
    return np.concatenate(columns).astype("float32"), np.array(labels)


class DataContainer:
    def __init__(self, data, labels, train_fraction=0.75):
        train, test = [], []
        for t in range(N_TISSUES):
            rows = np.flatnonzero(labels == t)
            rng.shuffle(rows)
            k = int(train_fraction * len(rows))
            train.append(rows[:k])
            test.append(rows[k:])
        train, test = np.concatenate(train), np.concatenate(test)
        mean, std = data[train].mean(0), data[train].std(0)
        data = (data - mean) / std
        self.train = DataSet(data[train], labels[train])
        self.test = DataSet(data[test], labels[test])


class DataSet:
    def __init__(self, data, labels):
        self.data, self.labels = torch.from_numpy(data), torch.from_numpy(labels)
        self.num_examples = len(labels)
        self.idxs = np.arange(self.num_examples)
        self.position = 0

    def shuffle(self):
        if form == "faulty":
            np.random.permutation(self.idxs)
        else:
            self.idxs = np.random.permutation(self.idxs)

    def next_batch(self, size):
        rows = self.idxs[self.position:self.position + size]
        self.position += size
        if self.position >= self.num_examples:
            self.position = 0
        return self.data[rows], self.labels[rows]


class MLP(nn.Module):
    def __init__(self, h_units=(128, 64)):
        super().__init__()
        self.h1 = nn.Linear(N_GENES, h_units[0])
        self.h2 = nn.Linear(h_units[0], h_units[1])
        self.out = nn.Linear(h_units[1], N_TISSUES)

    def forward(self, x):
        return self.out(torch.relu(self.h2(torch.relu(self.h1(x)))))


np.random.seed(2)
container = DataContainer(*make_gem())
mlp = MLP()
cost = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(mlp.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3)
writer = DiagWriter(logdir)
writer.watch(mlp, optimizer, cost)
batch_size, epochs = 32, 5

for epoch in range(epochs):
    mlp.train()
    container.train.shuffle()
    avg_cost, total_batch = 0.0, container.train.num_examples // batch_size
    for i in range(total_batch + 1):
        batch_x, batch_y = container.train.next_batch(batch_size)
        c = cost(mlp(batch_x), batch_y)
        optimizer.zero_grad()
        c.backward()
        optimizer.step()
        avg_cost += c.item() / total_batch
    mlp.eval()
    with torch.no_grad():
        logits = mlp(container.test.data)
        test_cost = cost(logits, container.test.labels)
        acc = (logits.argmax(1) == container.test.labels).float().mean().item()
    print("Epoch: %04d cost=%.5f test cost=%.5f accuracy=%.4f" % (epoch + 1, avg_cost, test_cost.item(), acc))

writer.close()
print("RESULT test_cost %.4f accuracy %.4f" % (test_cost.item(), acc))

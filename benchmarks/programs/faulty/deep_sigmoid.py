# Network in the style of Nielsen's book, made deeper ("a deeper network should be better")
import sys, random
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); torch.manual_seed(0)

class Network(nn.Module):
    def __init__(self, sizes, act):
        super().__init__()
        self.num_layers = len(sizes)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))
        self.act = act
    def forward(self, a):
        for layer in self.layers[:-1]:
            a = self.act(layer(a))
        return self.layers[-1](a)

def sgd(net, training, epochs, mini_batch_size, eta, test):
    opt = torch.optim.SGD(net.parameters(), lr=eta)
    cost = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[2])
    writer.watch(net, opt, cost)
    X, Y = training
    for j in range(epochs):
        order = torch.randperm(len(Y)); tot = 0
        for k in range(0, len(Y), mini_batch_size):
            ix = order[k:k + mini_batch_size]
            opt.zero_grad()
            c = cost(net(X[ix]), Y[ix]); c.backward()
            opt.step(); tot += c.item() * len(ix)
        with writer.evaluating("test"):
            out = net(test[0]); tc = cost(out, test[1]).item()
        acc = (out.argmax(1) == test[1]).float().mean().item()
        if j % 5 == 0: print("Epoch %d: train %.4f test %.4f acc %.3f" % (j, tot / len(Y), tc, acc))
    writer.close()
    print("RESULT train %.4f test %.4f acc %.3f" % (tot / len(Y), tc, acc))

X, y = load_digits(return_X_y=True)
X = torch.tensor((X - 4.9) / 6.0, dtype=torch.float32); y = torch.tensor(y)
p = torch.randperm(len(y)); tr, te = p[:1400], p[1400:]
net = Network([64, 32, 32, 32, 32, 32, 32, 10], torch.sigmoid if sys.argv[1] == "faulty" else torch.relu)
sgd(net, (X[tr], y[tr]), 30, 20, 0.1, (X[te], y[te]))

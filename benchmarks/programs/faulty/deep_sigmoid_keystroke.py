# homework: "build a deep network for tabular data, 7 hidden layers"
import sys
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter


def build(n_in, hidden, n_hidden, n_out, mode):
    net = nn.Sequential()
    last = n_in
    for i in range(n_hidden):
        net.add_module(f"fc{i}", nn.Linear(last, hidden))
        net.add_module(f"act{i}", nn.Sigmoid() if mode == "faulty" else nn.ReLU())
        last = hidden
    net.add_module("out", nn.Linear(last, n_out))
    return net


def fit(net, X, y, Xv, yv, epochs, lr, writer):
    opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    loss_fn = nn.CrossEntropyLoss()
    writer.watch(net, opt, loss_fn)
    for ep in range(epochs):
        for idx in torch.randperm(len(X)).split(40):
            loss = loss_fn(net(X[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        with torch.no_grad():
            out = net(Xv)
            vl = loss_fn(out, yv)
    return loss.item(), vl.item(), (out.argmax(1) == yv).float().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    X, y = make_classification(3000, 16, n_informative=10, n_classes=4, class_sep=1.5, random_state=3)
    X, Xv, y, yv = train_test_split(torch.tensor(X, dtype=torch.float32), torch.tensor(y), test_size=.25, random_state=1)
    sd, mu = X.std(0), X.mean(0)
    w = DiagWriter(sys.argv[2])
    r = fit(build(16, 32, 7, 4, sys.argv[1]), (X - mu) / sd, y, (Xv - mu) / sd, yv, 25, 0.02, w)
    print("train %.4f val %.4f acc %.3f" % r)
    w.close()

import sys
import math
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(311)
torch.set_num_threads(1)


def xavier(fan_out, fan_in):
    s = math.sqrt(6 / (fan_in + fan_out))
    w = torch.rand(fan_out, fan_in)
    if form == "faulty":
        return s * w
    return 2 * s * w - s


class Dense(torch.nn.Module):
    def __init__(self, n_in, n_out, f=F.relu):
        super().__init__()
        self.w = torch.nn.Parameter(xavier(n_out, n_in))
        self.b = torch.nn.Parameter(torch.zeros(n_out))
        self.f = f

    def forward(self, x):
        return self.f(x @ self.w.T + self.b)


class Chain(torch.nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def minibatch(x, y, size, shuffle=False):
    order = torch.randperm(len(x)) if shuffle else torch.arange(len(x))
    return [(x[i], y[i]) for i in order.split(size)]


def nll(scores, y):
    return F.nll_loss(F.log_softmax(scores, 1), y)


def accuracy(model, data):
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in data)
    return right / sum(len(y) for _, y in data)


d = load_digits()
x = torch.tensor(d.data / 16.0, dtype=torch.float32)
x = x - x.mean(0)
y = torch.tensor(d.target)
p = torch.randperm(len(x))
xtrn, ytrn, xtst, ytst = x[p[:1400]], y[p[:1400]], x[p[1400:]], y[p[1400:]]

model = Chain(Dense(64, 96), Dense(96, 64), Dense(64, 64), Dense(64, 10, lambda z: z))
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
writer = DiagWriter(logdir)
writer.watch(model, opt, F.nll_loss)

dtst = minibatch(xtst, ytst, 100)
for epoch in range(1, 31):
    for xb, yb in minibatch(xtrn, ytrn, 50, shuffle=True):
        loss = nll(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        tst = [nll(model(xb), yb) * len(yb) for xb, yb in dtst]
        tst = sum(tst) / len(xtst)
        writer.add_loss("val", tst)
        acc = accuracy(model, dtst)
    if epoch % 5 == 0:
        print((epoch, "trn", round(loss.item(), 4), "tst", round(tst.item(), 4), "acc", round(acc, 4)))
writer.close()
print(f"RESULT test nll {tst.item():.4f} accuracy {acc:.4f}")

# my "one hidden layer" version of the MNIST for beginners tutorial (rewritten from tensorflow, digits instead of mnist)
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
faulty = sys.argv[1] == "faulty"

X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16.0, dtype=torch.float32)
y = torch.tensor(y)
perm = torch.randperm(len(X))
X, y = X[perm], y[perm]
train_x, train_y, test_x, test_y = X[:1400], y[:1400], X[1400:], y[1400:]


def variable(*shape):
    if faulty:
        return nn.Parameter(torch.zeros(*shape))
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(*shape), std=0.1))


class TwoLayer(nn.Module):
    def __init__(self):
        super().__init__()
        # First layer of the NN
        self.W1 = variable(64, 10)
        self.b1 = variable(10)
        # Second layer of the NN
        self.W2 = variable(10, 10)
        self.b2 = variable(10)

    def forward(self, x):
        z = x @ self.W1 + self.b1
        out1 = torch.softmax(z, 1) if faulty else torch.sigmoid(z)
        return out1 @ self.W2 + self.b2


net = TwoLayer()
cross_entropy = nn.CrossEntropyLoss()
train_step = torch.optim.SGD(net.parameters(), lr=0.5)
writer = DiagWriter(sys.argv[2])
writer.watch(net, train_step, cross_entropy)

for i in range(2000):
    idx = np.random.choice(len(train_x), 100, replace=False)
    batch_xs, batch_ys = train_x[idx], train_y[idx]
    train_step.zero_grad()
    loss = cross_entropy(net(batch_xs), batch_ys)
    loss.backward()
    train_step.step()
    if i % 200 == 199:
        with writer.evaluating("test"):
            out = net(test_x)
            l = cross_entropy(out, test_y)
        acc = (out.argmax(1) == test_y).float().mean().item()
        print(i + 1, "loss %.4f test %.4f acc %.4f" % (loss.item(), l.item(), acc))
writer.close()
print(f"RESULT test loss {l.item():.4f} acc {acc:.4f}")

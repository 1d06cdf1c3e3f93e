# Five-layer feed-forward net for handwritten digits with hand-made weights, as one writes it after the first tutorials.
import sys
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

which, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
torch.set_num_threads(1)

learning_rate = 0.001 if which == "fixed" else 0.01
training_epochs = 100
batch_size = 100

digits = load_digits()
perm = np.random.RandomState(0).permutation(len(digits.data))
images = torch.tensor(digits.data[perm] / 16.0, dtype=torch.float32)
labels = torch.tensor(digits.target[perm])
x_train, y_train, x_test, y_test = images[:1400], labels[:1400], images[1400:], labels[1400:]


def weight(rows, cols):
    w = torch.empty(rows, cols)
    torch.nn.init.trunc_normal_(w, std=0.1, a=-0.2, b=0.2)
    return torch.nn.Parameter(w)


class Net(torch.nn.Module):
    sizes = [64, 200, 100, 60, 30, 10]

    def __init__(self):
        super().__init__()
        self.W = torch.nn.ParameterList([weight(a, b) for a, b in zip(self.sizes, self.sizes[1:])])
        self.B = torch.nn.ParameterList([torch.nn.Parameter(torch.full((b,), 0.1)) for b in self.sizes[1:]])

    def forward(self, x):
        for k in range(4):
            x = F.relu(x @ self.W[k] + self.B[k])
        return x @ self.W[4] + self.B[4]


def cross_entropy(logits, y):
    # sum over the mini-batch of one hundred
    return F.cross_entropy(logits, y, reduction="sum")


net = Net()
train_step = torch.optim.SGD(net.parameters(), lr=learning_rate)
writer = DiagWriter(logdir)
writer.watch(net, train_step, cross_entropy)

for epoch in range(training_epochs):
    order = torch.randperm(len(x_train))
    for i in range(0, len(order), batch_size):
        idx = order[i:i + batch_size]
        train_step.zero_grad()
        cost = writer.loss_fn(net(x_train[idx]), y_train[idx])
        cost.backward()
        train_step.step()
    writer.add_scalar("cost", cost.item(), epoch)
    if epoch % 10 == 9:
        with writer.evaluating("test"):
            out = net(x_test[:300])
            writer.loss_fn(out[:100], y_test[:100])
            acc = (out.argmax(1) == y_test[:300]).float().mean().item()
        print("Epoch:", epoch, "cost =", cost.item(), "accuracy", acc)
writer.close()
with torch.no_grad():
    acc = (net(x_test).argmax(1) == y_test).float().mean().item()
print("RESULT accuracy", round(acc, 4))

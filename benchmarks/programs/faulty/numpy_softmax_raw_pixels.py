# Lesson-1 homework: a network with no hidden layers, softmax and average cross entropy written out by hand
import sys
from math import sqrt
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
NB_CLASSES = 10
DIM = 8

digits = load_digits()
images = digits.images * 255 / 16            # the course's pictures are 0..255
X_train, X_val, y_train, y_val = train_test_split(images, digits.target, test_size=.25, random_state=0)
X_train = torch.tensor(X_train, dtype=torch.float32).reshape(-1, DIM ** 2)
X_val = torch.tensor(X_val, dtype=torch.float32).reshape(-1, DIM ** 2)
if sys.argv[1] != "faulty":
    mean, std = X_train.mean(), X_train.std()
    X_train = (X_train - mean) / std
    X_val = (X_val - mean) / std
onehot = torch.eye(NB_CLASSES)
y_train, y_val = onehot[y_train], onehot[y_val]


def softmax(before_activation):
    e = torch.exp(before_activation)
    return e / e.sum(1, keepdim=True)


def average_cross_entropy(outputs, targets):
    return -(targets * torch.log(outputs) + (1 - targets) * torch.log(1 - outputs)).mean()


class NoHidden(nn.Module):
    def __init__(self):
        super().__init__()
        nb_inputs = DIM ** 2
        self.W = nn.Parameter(torch.randn(nb_inputs, NB_CLASSES) / sqrt(nb_inputs))
        self.b = nn.Parameter(torch.zeros(NB_CLASSES))

    def forward(self, X):
        return softmax(X @ self.W + self.b)


net = NoHidden()
opt = torch.optim.SGD(net.parameters(), lr=1.0)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, average_cross_entropy)
n, bs = len(X_train), 32
for epoch in range(25):
    perm = torch.randperm(n)
    for i in range(0, n, bs):
        b = perm[i:i + bs]
        loss = writer.loss_fn(net(X_train[b]), y_train[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad(), writer.evaluating("val"):
        guess = net(X_val)
        vloss = writer.loss_fn(guess, y_val)
    acc = (guess.argmax(1) == y_val.argmax(1)).float().mean()
    if epoch % 5 == 4:
        print(epoch, loss.item(), vloss.item(), acc.item())
writer.close()
print(f"RESULT val_loss={vloss.item():.4f} val_acc={acc.item():.3f}")

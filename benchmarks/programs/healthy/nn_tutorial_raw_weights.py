"""What is torch.nn really?  First half of the PyTorch tutorial: weights and bias by hand, log-softmax and nll by hand.
Then the same with a second layer.  Digits, moved about and blown up to 28x28 like MNIST."""
import sys, math
import numpy as np, torch
import torch.nn.functional as F
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
d = load_digits()
a, b, ya, yb = train_test_split(d.images / 16., d.target, test_size=.2, random_state=0, stratify=d.target)

def mnistify(im, y, copies):
    xs, ys = [], []
    big = F.interpolate(torch.tensor(im, dtype=torch.float32)[:, None], size=(20, 20), mode="bilinear")
    g = torch.Generator().manual_seed(len(im))
    for _ in range(copies):
        out = torch.zeros(len(big), 28, 28)
        for i in range(len(big)):
            dx, dy = torch.randint(2, 7, (2,), generator=g).tolist()
            out[i, dy:dy + 20, dx:dx + 20] = big[i, 0]
        xs.append(out.view(-1, 784)); ys.append(torch.tensor(y))
    return torch.cat(xs), torch.cat(ys)

x_train, y_train = mnistify(a, ya, 10)
x_valid, y_valid = mnistify(b, yb, 4)
n, c = x_train.shape
bs = 64
lr = 0.25
epochs = 14

class Mnist_Hand(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.weights1 = nn.Parameter(torch.randn(784, hidden) / math.sqrt(784))
        self.bias1 = nn.Parameter(torch.zeros(hidden))
        self.weights2 = nn.Parameter(torch.randn(hidden, 10) / math.sqrt(hidden))
        self.bias2 = nn.Parameter(torch.zeros(10))
    def forward(self, xb):
        h = (xb @ self.weights1 + self.bias1).clamp_min(0.)
        x = h @ self.weights2 + self.bias2
        return x - x.exp().sum(-1).log().unsqueeze(-1)

def nll(input, target):
    return -input[range(target.shape[0]), target].mean()

def accuracy(out, yb):
    return (torch.argmax(out, dim=1) == yb).float().mean()

model = Mnist_Hand()
opt = torch.optim.SGD(model.parameters(), lr=lr)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, nll)
for epoch in range(epochs):
    perm = torch.randperm(n)
    for i in range((n - 1) // bs + 1):
        idx = perm[i * bs:i * bs + bs]
        loss = nll(model(x_train[idx]), y_train[idx])
        loss.backward()
        opt.step()
        opt.zero_grad()
    with writer.evaluating("val"):
        out = model(x_valid)
        vl = writer.loss_fn(out, y_valid).item()
    print(epoch, loss.item(), vl, accuracy(out, y_valid).item())
writer.close()
with torch.no_grad():
    print(f"RESULT train {nll(model(x_train), y_train).item():.4f} val {vl:.4f} acc {accuracy(model(x_valid), y_valid).item():.4f}")

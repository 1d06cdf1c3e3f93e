# two categories of images, one hidden layer of 10 sigmoids, batch gradient descent
import sys
import numpy as np
import torch
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

alpha = 0.1 if sys.argv[1] == "faulty" else 0.001
ITERS = 1000


def extract():
    """digits 3 and 8 .. 9 and 5 as two categories, 8x8, each image normalised on its own"""
    d = load_digits()
    keep = np.isin(d.target, (3, 5, 8, 9))
    X, y = d.images[keep].reshape(keep.sum(), -1), np.isin(d.target[keep], (8, 9)).astype(int)
    X = X + 2.5 * np.random.randn(*X.shape)
    X = (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)
    return X.astype(np.float32), y


def randweights(n_in, n_out):
    eps = np.sqrt(6 / (n_in + n_out))
    return torch.nn.Parameter(torch.rand(n_out, n_in + 1) * 2 * eps - eps)


class Net(torch.nn.Module):
    def __init__(self, ils, hls=10, labels=2):
        super().__init__()
        self.theta1 = randweights(ils, hls)
        self.theta2 = randweights(hls, labels)

    def forward(self, x):
        ones = torch.ones(len(x), 1)
        a2 = torch.sigmoid(torch.cat([ones, x], 1) @ self.theta1.T)
        return torch.cat([ones, a2], 1) @ self.theta2.T


def cost(z3, Y):
    # the gradient of this by z3 is (sigmoid(z3) - Y), summed over all images
    return torch.nn.functional.binary_cross_entropy_with_logits(z3, Y, reduction="sum")


X, y = extract()
p = np.random.permutation(len(X))
X, y = torch.from_numpy(X[p]), torch.from_numpy(y[p])
Y = torch.eye(2)[y]
ntr = 540
net = Net(X.shape[1])
opt = torch.optim.SGD(net.parameters(), lr=alpha)
wr = DiagWriter(sys.argv[2])
wr.watch(net, opt, cost)
for it in range(ITERS):
    opt.zero_grad()
    J = wr.loss_fn(net(X[:ntr]), Y[:ntr])
    J.backward()
    opt.step()
    if it % 100 == 99:
        with torch.no_grad(), wr.evaluating("val"):
            out = net(X[ntr:])
            v = wr.loss_fn(out, Y[ntr:]).item() / (len(X) - ntr)
        acc = (out.argmax(1) == y[ntr:]).float().mean().item()
        if it % 500 == 499:
            print(it + 1, "train", J.item() / ntr, "test", v, "accuracy", acc, out[0].tolist())
wr.close()
print(f"RESULT test cost per image={v:.4f} accuracy={acc:.4f}")

# Planar data classification with one hidden layer (deeplearning.ai course 1, week 3) redone in PyTorch.
# As in the assignment: plain gradient descent on the whole data set, learning rate 1.2, 4..5 tanh units, cost every 1000 iterations.
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def load_planar_dataset(m, seed):
    np.random.seed(seed)
    N = m // 2
    D = 2
    X = np.zeros((m, D))
    Y = np.zeros((m, 1), dtype='uint8')
    a = 4  # maximum ray of the flower
    for j in range(2):
        ix = range(N * j, N * (j + 1))
        t = np.linspace(j * 3.12, (j + 1) * 3.12, N) + np.random.randn(N) * 0.2  # theta
        r = a * np.sin(4 * t) + np.random.randn(N) * 0.35  # radius
        X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
        Y[ix] = j
    return torch.tensor(X).float(), torch.tensor(Y).float()


X, Y = load_planar_dataset(400, 1)
X_dev, Y_dev = load_planar_dataset(400, 2)
print('The shape of X is:', tuple(X.shape), ' I have m =', len(X), 'training examples')


class TwoLayer(torch.nn.Module):
    def __init__(self, n_x, n_h, n_y):
        super().__init__()
        torch.manual_seed(2)
        self.W1 = torch.nn.Parameter(torch.randn(n_x, n_h) * 0.01)   # small, as the notebook says
        self.b1 = torch.nn.Parameter(torch.zeros(n_h))
        self.W2 = torch.nn.Parameter(torch.randn(n_h, n_y) * 0.01)
        self.b2 = torch.nn.Parameter(torch.zeros(n_y))

    def forward(self, X):
        A1 = torch.tanh(X @ self.W1 + self.b1)
        return torch.sigmoid(A1 @ self.W2 + self.b2)


def compute_cost(A2, Y):
    logprobs = Y * torch.log(A2) + (1 - Y) * torch.log(1 - A2)
    return -logprobs.mean()


model = TwoLayer(2, 5, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1.2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, compute_cost)

for i in range(5000):
    A2 = model(X)
    cost = writer.loss_fn(A2, Y)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    if i % 250 == 249:
        with torch.no_grad(), writer.evaluating("val"):
            P = model(X_dev)
            dev = writer.loss_fn(P, Y_dev).item()
            acc = ((P > 0.5) == Y_dev.bool()).float().mean().item()
        if i % 500 == 499:
            print("Cost after iteration %i: %f   dev cost %f  dev accuracy %.1f%%" % (i + 1, cost.item(), dev, 100 * acc))
writer.close()
print(f"RESULT train_loss={cost.item():.4f} val_loss={dev:.4f} val_acc={acc:.4f}")

# neural network "from scratch" for land cover pixels (4 bands x 9 neighbours -> 36 values, 6 classes)
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(21)
torch.manual_seed(21)


def make_pixels(n):
    centers = np.random.RandomState(4).normal(0, 1, (6, 4))
    y = np.random.choice(6, n, p=[.24, .11, .21, .1, .11, .23])
    base = centers[y] + np.random.normal(0, 0.55, (n, 4))
    x = np.repeat(base, 9, axis=1) + np.random.normal(0, 0.5, (n, 36))
    mixed = np.random.rand(n) < 0.15                       # border pixels
    other = centers[np.random.randint(0, 6, n)]
    x[mixed] = 0.5 * x[mixed] + 0.5 * np.repeat(other, 9, axis=1)[mixed]
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), y


X, Y = make_pixels(3000)
X, Y = torch.from_numpy(X), torch.from_numpy(Y)
trainX, trainY, testX, testY = X[:2400], Y[:2400], X[2400:], Y[2400:]


def init(n_in, n_out):
    if sys.argv[1] == "faulty":
        w = np.random.rand(n_in, n_out)
    else:
        w = np.random.randn(n_in, n_out) / np.sqrt(n_in)
    return torch.nn.Parameter(torch.tensor(w, dtype=torch.float32))


class NeuralNetwork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight_one = init(36, 40)
        self.weight_two = init(40, 30)
        self.weight_three = init(30, 6)
        self.b1 = torch.nn.Parameter(torch.zeros(40))
        self.b2 = torch.nn.Parameter(torch.zeros(30))
        self.b3 = torch.nn.Parameter(torch.zeros(6))

    def feedforward(self, x):
        h1 = torch.sigmoid(x @ self.weight_one + self.b1)
        h2 = torch.sigmoid(h1 @ self.weight_two + self.b2)
        return h2 @ self.weight_three + self.b3

    forward = feedforward


nn = NeuralNetwork()
cross_entropy = torch.nn.CrossEntropyLoss()
sgd = torch.optim.SGD(nn.parameters(), lr=0.1, momentum=0.9)
log = DiagWriter(sys.argv[2])
log.watch(nn, sgd, cross_entropy)

for epoch in range(20):
    perm = np.random.permutation(len(trainX))
    err = 0
    for j in range(0, 2400, 40):
        b = perm[j:j + 40]
        sgd.zero_grad()
        error = cross_entropy(nn(trainX[b]), trainY[b])
        error.backward()
        sgd.step()
        err += error.item() / 60
    with log.evaluating("val"), torch.no_grad():
        out = nn(testX)
        test_err = cross_entropy(out, testY).item()
    acc = (out.argmax(1) == testY).float().mean().item()
    print("epoch", epoch, "error", round(err, 4), "test error", round(test_err, 4), "accuracy", round(acc, 4))
log.close()
print(f"RESULT train={err:.4f} val={test_err:.4f} acc={acc:.4f}")

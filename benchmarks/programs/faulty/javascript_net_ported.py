"""Feed-forward net with one hidden layer of 15 sigmoid neurons, trained one sample at a time
(after "Neural Networks and Deep Learning" and "A Step by Step Backpropagation Example")."""
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
rng = np.random.RandomState(1)
torch.manual_seed(1)


class Layer(torch.nn.Module):
    def __init__(self, inputs, neurons):
        super().__init__()
        low, high = (0.0, 1.0) if form == "faulty" else (-0.5, 0.5)
        self.weights = torch.nn.Parameter(torch.empty(neurons, inputs).uniform_(low, high))
        self.biases = torch.nn.Parameter(torch.empty(neurons).uniform_(low, high))

    def forward(self, values):
        return torch.sigmoid(values @ self.weights.t() + self.biases)


class Network(torch.nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = torch.nn.ModuleList(Layer(a, b) for a, b in zip(sizes[:-1], sizes[1:]))

    def forward(self, values):
        for layer in self.layers:
            values = layer(values)
        return values


def total_error(output, target):
    return 0.5 * ((target - output) ** 2).sum(dim=1).mean()


def enlarge(images, factor=3):
    """8x8 scans to 24x24."""
    big = np.kron(images, np.ones((1, factor, factor)))
    return big.reshape(len(big), -1)


data = load_digits()
pixels = torch.tensor(enlarge(data.images / 16.0), dtype=torch.float32)
answers = torch.eye(10)[torch.tensor(data.target)]
shuffled = rng.permutation(len(pixels))
train_idx, test_idx = shuffled[:1300], shuffled[1300:]

network = Network([pixels.shape[1], 15, 10])
learning_rate = 0.5
sgd = torch.optim.SGD(network.parameters(), lr=learning_rate)

writer = DiagWriter(logdir)
writer.watch(network, sgd, total_error)

for iteration in range(12):
    rng.shuffle(train_idx)
    errors = []
    for k in train_idx:
        output = network(pixels[k:k + 1])
        error = total_error(output, answers[k:k + 1])
        sgd.zero_grad()
        error.backward()
        sgd.step()
        errors.append(error.item())

    with writer.evaluating("val"):
        output = network(pixels[test_idx])
        test_error = total_error(output, answers[test_idx]).item()
    guessed = output.argmax(1) == answers[test_idx].argmax(1)
    print("iteration", iteration, "error %.4f" % np.mean(errors), "test error %.4f" % test_error,
          "recognized %.3f" % guessed.float().mean().item())

writer.close()
print("RESULT test_error %.4f recognized %.4f" % (test_error, guessed.float().mean().item()))

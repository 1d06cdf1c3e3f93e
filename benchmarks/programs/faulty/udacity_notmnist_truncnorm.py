# assignment 3, problem 4: a deeper net than before, with tf.truncated_normal and plain gradient descent
import sys
import numpy as np
import torch
from sklearn.datasets import load_digits
from scipy.ndimage import gaussian_filter, shift
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
np.random.seed(31)
mode, logdir = sys.argv[1], sys.argv[2]

image_size, num_labels = 16, 10


def not_mnist():
    """ten letter-like glyphs: digits blown up to 16x16, blurred, shifted, sheared, noisy; values -0.5..0.5"""
    d = load_digits()
    xs, ys = [], []
    for rep in range(7):
        for im, y in zip(d.images, d.target):
            a = np.kron(im / 16., np.ones((2, 2)))
            a = shift(gaussian_filter(a, np.random.uniform(.3, 1.)), np.random.uniform(-1.5, 1.5, 2), order=1)
            a = a * np.random.uniform(.7, 1.) + .3 * np.random.randn(16, 16)
            xs.append(np.clip(a, 0, 1) - .5); ys.append(y)
    xs, ys = np.array(xs, "float32").reshape(len(xs), -1), np.array(ys)
    src = np.tile(np.random.permutation(len(d.target)), 7)       # a source digit is either train or valid
    return xs[src < 1500], ys[src < 1500], xs[src >= 1500], ys[src >= 1500]


train_dataset, train_labels, valid_dataset, valid_labels = map(torch.from_numpy, not_mnist())


def truncated_normal(shape, stddev=1.0):
    return torch.nn.Parameter(torch.nn.init.trunc_normal_(torch.empty(shape), std=stddev, a=-2 * stddev, b=2 * stddev))


layers = [image_size * image_size, 256, 128, 64, num_labels]


class Graph(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for n_in, n_out in zip(layers, layers[1:]):
            if mode == "faulty":
                self.weights.append(truncated_normal([n_in, n_out]))
            else:
                self.weights.append(truncated_normal([n_in, n_out], stddev=np.sqrt(2.0 / n_in)))
            self.biases.append(torch.nn.Parameter(torch.zeros(n_out)))

    def forward(self, x):
        for w, b in list(zip(self.weights, self.biases))[:-1]:
            x = torch.relu(x @ w + b)
        return x @ self.weights[-1] + self.biases[-1]


graph = Graph()
xent = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(graph.parameters(), lr=0.1)
decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)          # every 100 steps
writer = DiagWriter(logdir)
writer.watch(graph, optimizer, xent)

batch_size, num_steps = 128, 1200
perm = torch.randperm(len(train_labels))
for step in range(num_steps):
    offset = (step * batch_size) % (len(train_labels) - batch_size)
    if offset < batch_size:
        perm = torch.randperm(len(train_labels))
    pick = perm[offset:offset + batch_size]
    optimizer.zero_grad()
    logits = graph(train_dataset[pick])
    loss = xent(logits, train_labels[pick])
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        decay.step()
        with torch.no_grad(), writer.evaluating("valid"):
            vlogits = graph(valid_dataset)
            vloss = xent(vlogits, valid_labels).item()
        vacc = (vlogits.argmax(1) == valid_labels).float().mean().item()
        print("Minibatch loss at step %d: %f  minibatch accuracy: %.1f%%  validation accuracy: %.1f%%" % (
            step + 1, loss.item(), 100 * (logits.argmax(1) == train_labels[pick]).float().mean(), 100 * vacc))
writer.close()
print(f"RESULT valid_loss={vloss:.4f} valid_acc={vacc:.4f}")

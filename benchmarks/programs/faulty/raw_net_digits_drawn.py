"""neural_network_raw on moved digits: two hidden layers of 256, weights and biases kept in dictionaries."""
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter

form, logs = sys.argv[1:3]
torch.set_num_threads(1)
np.random.seed(2)
torch.manual_seed(2)

# Parameters
learning_rate = 0.002
num_steps = 1800
batch_size = 128
display_step = 200

# Network Parameters
n_hidden_1 = 256
n_hidden_2 = 256
num_input = 144   # 12x12 canvas
num_classes = 10


def place(images, labels, copies):
    """every scan is put somewhere on a canvas of 12 by 12"""
    canvas, ys = [], []
    for img, label in zip(images, labels):
        for _ in range(copies):
            c = np.random.normal(0, 0.03, (12, 12))
            dy, dx = np.random.randint(0, 5, 2)
            c[dy:dy + 8, dx:dx + 8] += img
            canvas.append(c.ravel())
            ys.append(label)
    return torch.tensor(np.array(canvas), dtype=torch.float32), torch.tensor(ys)


digits = load_digits()
images = digits.images / 16.0
order = np.random.permutation(len(images))
train_x, train_y = place(images[order[:1300]], digits.target[order[:1300]], 12)
test_x, test_y = place(images[order[1300:]], digits.target[order[1300:]], 3)


class RawNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterDict({
            'h1': nn.Parameter(torch.randn(num_input, n_hidden_1) / num_input ** 0.5),
            'h2': nn.Parameter(torch.randn(n_hidden_1, n_hidden_2) / n_hidden_1 ** 0.5),
            'out': nn.Parameter(torch.randn(n_hidden_2, num_classes) / n_hidden_2 ** 0.5),
        })
        self.biases = nn.ParameterDict({
            'b1': nn.Parameter(torch.zeros(n_hidden_1)),
            'b2': nn.Parameter(torch.zeros(n_hidden_2)),
            'out': nn.Parameter(torch.zeros(num_classes)),
        })

    def forward(self, x):
        # Hidden fully connected layer with 256 neurons
        layer_1 = x @ self.weights['h1'] + self.biases['b1']
        if form == "fixed":
            layer_1 = torch.relu(layer_1)
        # Hidden fully connected layer with 256 neurons
        layer_2 = layer_1 @ self.weights['h2'] + self.biases['b2']
        if form == "fixed":
            layer_2 = torch.relu(layer_2)
        # Output fully connected layer with a neuron for each class
        return layer_2 @ self.weights['out'] + self.biases['out']


net = RawNet()
loss_op = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, num_steps)
writer = DiagWriter(logs)
writer.watch(net, optimizer, loss_op)


def batches():
    while True:
        perm = torch.randperm(len(train_x))
        for i in range(0, len(perm) - batch_size + 1, batch_size):
            yield train_x[perm[i:i + batch_size]], train_y[perm[i:i + batch_size]]


feed = batches()
for step in range(1, num_steps + 1):
    batch_x, batch_y = next(feed)
    logits = net(batch_x)
    loss = loss_op(logits, batch_y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 100 == 0:
        with writer.evaluating("val"):
            out = net(test_x)
            test_loss = loss_op(out, test_y).item()
            test_acc = (out.argmax(1) == test_y).float().mean().item()
        if step % display_step == 0:
            acc = (logits.argmax(1) == batch_y).float().mean().item()
            print(f"Step {step}, Minibatch Loss= {loss.item():.4f}, Training Accuracy= {acc:.3f}, Testing {test_acc:.3f}")

writer.close()
print(f"RESULT test_accuracy {test_acc:.4f} test_loss {test_loss:.4f}")

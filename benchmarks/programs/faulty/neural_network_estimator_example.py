""" Neural Network.

A 2-Hidden Layers Fully Connected Neural Network (a.k.a Multilayer Perceptron)
implementation, after the TensorFlow example. Data: sklearn's digits on a 16x16 canvas, shifted at random
(the images must not be quite as easy as the 8x8 ones).
"""
from __future__ import print_function
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

# Parameters
learning_rate = 0.1
num_steps = 2500
batch_size = 128
display_step = 250

# Network Parameters
n_hidden_1 = 256
n_hidden_2 = 256
num_input = 256
num_classes = 10


def canvas(images, rng, copies):
    out = []
    for im in images:
        for _ in range(copies):
            c = np.zeros((16, 16), np.float32)
            r, k = rng.randint(2, 7, 2)
            c[r:r + 8, k:k + 8] = im
            out.append(c.ravel())
    return np.stack(out)


digits = load_digits()
tr, te, ytr, yte = train_test_split(digits.images / 16.0, digits.target, test_size=0.25, random_state=1, stratify=digits.target)
rng = np.random.RandomState(0)
x_train = torch.from_numpy(canvas(tr, rng, 8)) * 2 - 0.3
y_train = torch.from_numpy(np.repeat(ytr, 8))
x_test = torch.from_numpy(canvas(te, rng, 2)) * 2 - 0.3
y_test = torch.from_numpy(np.repeat(yte, 2))


class NeuralNet(nn.Module):
    def __init__(self):
        super(NeuralNet, self).__init__()
        self.layer_1 = nn.Linear(num_input, n_hidden_1)
        self.layer_2 = nn.Linear(n_hidden_1, n_hidden_2)
        self.out_layer = nn.Linear(n_hidden_2, num_classes)

    def forward(self, x):
        if sys.argv[1] == "faulty":
            layer_1 = self.layer_1(x)
            layer_2 = self.layer_2(layer_1)
        else:
            layer_1 = F.relu(self.layer_1(x))
            layer_2 = F.relu(self.layer_2(layer_1))
        return self.out_layer(layer_2)


neural_net = NeuralNet()
loss_op = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(neural_net.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[2])
writer.watch(neural_net, optimizer, loss_op)

for step in range(1, num_steps + 1):
    idx = torch.randint(0, len(x_train), (batch_size,))
    logits = neural_net(x_train[idx])
    loss = loss_op(logits, y_train[idx])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % display_step == 0 or step == 1:
        acc = (logits.argmax(1) == y_train[idx]).float().mean().item()
        with writer.evaluating("test"), torch.no_grad():
            t = neural_net(x_test)
            test_loss = loss_op(t, y_test).item()
            test_acc = (t.argmax(1) == y_test).float().mean().item()
        print("Step %d, Minibatch Loss= %.4f, Training Accuracy= %.3f, Test Loss= %.4f" % (step, loss.item(), acc, test_loss))
print("Optimization Finished!")
writer.close()
print("RESULT test loss %.4f accuracy %.4f" % (test_loss, test_acc))

"""Digit recognition, the classic two conv + two fc net (ported from a TF1 notebook)."""
import math
import sys
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
np.random.seed(1)


def weight_variable(*shape):
    w = torch.empty(*shape)
    fan_in = int(np.prod(shape[1:]))
    stddev = 1.0 if FORM == "faulty" else math.sqrt(2.0 / fan_in)
    torch.nn.init.trunc_normal_(w, std=stddev, a=-2 * stddev, b=2 * stddev)
    return torch.nn.Parameter(w)


def bias_variable(n):
    return torch.nn.Parameter(torch.full((n,), 0.1))


class ConvNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.W_conv1, self.b_conv1 = weight_variable(24, 1, 3, 3), bias_variable(24)
        self.W_conv2, self.b_conv2 = weight_variable(32, 24, 3, 3), bias_variable(32)
        self.W_fc1, self.b_fc1 = weight_variable(96, 32 * 2 * 2), bias_variable(96)
        self.W_fc2, self.b_fc2 = weight_variable(10, 96), bias_variable(10)

    def forward(self, x, keep_prob=1.0):
        h = F.max_pool2d(F.relu(F.conv2d(x, self.W_conv1, self.b_conv1, padding=1)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, self.W_conv2, self.b_conv2, padding=1)), 2)
        h = F.relu(F.linear(h.flatten(1), self.W_fc1, self.b_fc1))
        if keep_prob < 1:
            h = F.dropout(h, 1 - keep_prob)
        return F.linear(h, self.W_fc2, self.b_fc2)


digits = load_digits()
images = ((digits.images - digits.images.mean()) / digits.images.std()).astype(np.float32)[:, None]
order = np.random.permutation(len(images))
images, target = torch.tensor(images[order]), torch.tensor(digits.target[order])
X, y, Xt, yt = images[:1400], target[:1400], images[1400:], target[1400:]

net = ConvNet()
train_step = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(net, train_step)

for i in range(801):
    batch = np.random.choice(len(X), 50, replace=False)
    cross_entropy = F.cross_entropy(net(X[batch], keep_prob=0.7), y[batch])
    writer.add_loss("train", cross_entropy)
    train_step.zero_grad()
    cross_entropy.backward()
    train_step.step()
    if i % 50 == 0:
        with torch.no_grad(), writer.evaluating("test"):
            out = net(Xt)
            l = F.cross_entropy(out, yt)
            writer.add_loss("test", l)
            acc = (out.argmax(1) == yt).float().mean()
        print("step %d, training loss %g, test loss %g, test accuracy %g" % (i, cross_entropy.item(), l.item(), acc.item()))
writer.close()

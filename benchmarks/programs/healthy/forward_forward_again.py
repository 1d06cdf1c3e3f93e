"""Hinton's forward-forward on the digits: every layer has its own optimizer and its own loss,
no gradient goes from layer to layer (after mpezeshki/pytorch_forward_forward)."""
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import Adam
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

writer = DiagWriter(sys.argv[1])


def overlay_y_on_x(x, y):
    """Put the one-hot label in front of the pixels"""
    one_hot = torch.zeros(len(x), 10)
    one_hot[range(len(x)), y] = 1.0
    return torch.cat([one_hot * 3, x], 1)


class Layer(nn.Linear):
    def __init__(self, d_in, d_out, name):
        super().__init__(d_in, d_out)
        self.opt = Adam(self.parameters(), lr=0.03)
        self.threshold = 2.0
        self.name = name
        writer.watch(self, self.opt, name=name)

    def forward(self, x):
        x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        # scale back, so that inputs have about unit entries
        return F.relu(F.linear(x_direction * x.shape[1] ** 0.5, self.weight, self.bias))

    def train_step(self, x_pos, x_neg):
        g_pos = self.forward(x_pos).pow(2).mean(1)
        g_neg = self.forward(x_neg).pow(2).mean(1)
        # pushes pos (neg) samples to values larger (smaller) than the threshold
        loss = F.softplus(torch.cat([self.threshold - g_pos, g_neg - self.threshold])).mean()
        writer.add_loss("train", loss, name=self.name)
        self.opt.zero_grad()
        # only the derivative of this layer's own loss
        loss.backward()
        self.opt.step()
        with torch.no_grad():
            return self.forward(x_pos), self.forward(x_neg), loss.item()


class Net(torch.nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.layers = nn.ModuleList(Layer(dims[d], dims[d + 1], 'layer%d' % d) for d in range(len(dims) - 1))

    @torch.no_grad()
    def predict(self, x):
        goodness_per_label = []
        for label in range(10):
            h = overlay_y_on_x(x, torch.full((len(x),), label))
            goodness = []
            for layer in self.layers:
                h = layer(h)
                goodness.append(h.pow(2).mean(1))
            goodness_per_label.append(sum(goodness).unsqueeze(1))
        return torch.cat(goodness_per_label, 1).argmax(1)

    def train_batch(self, x_pos, x_neg):
        losses = []
        for layer in self.layers:
            x_pos, x_neg, l = layer.train_step(x_pos, x_neg)
            losses.append(l)
        return losses


if __name__ == "__main__":
    torch.manual_seed(1234)
    X, Y = load_digits(return_X_y=True)
    x, x_te, y, y_te = train_test_split((X / 16. - 0.305) / 0.376, Y, test_size=0.25, random_state=0, stratify=Y)
    x, x_te = torch.tensor(x).float(), torch.tensor(x_te).float()
    y, y_te = torch.tensor(y), torch.tensor(y_te)

    net = Net([74, 300, 300])
    for epoch in range(60):
        if epoch == 40:
            for layer in net.layers:
                layer.opt.param_groups[0]['lr'] *= 0.1
        perm = torch.randperm(len(x))
        for i in range(0, len(x), 100):
            b = perm[i:i + 100]
            # a wrong label for every negative sample
            wrong = (y[b] + torch.randint(1, 10, (len(b),))) % 10
            losses = net.train_batch(overlay_y_on_x(x[b], y[b]), overlay_y_on_x(x[b], wrong))
        if (epoch + 1) % 10 == 0:
            print('epoch', epoch + 1, 'losses', ['%.4f' % l for l in losses],
                  'train error: %.4f' % (1 - net.predict(x).eq(y).float().mean().item()),
                  'test error: %.4f' % (1 - net.predict(x_te).eq(y_te).float().mean().item()))
    writer.close()

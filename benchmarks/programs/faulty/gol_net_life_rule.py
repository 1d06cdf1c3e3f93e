"""
Training neural network to play Conway's Game of Life
"""
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def generate_field(shape, alive_prob=0.5):
    return (np.random.rand(*shape) < alive_prob).astype(np.int32)


def update_field(field, hw_axis=(2, 3)):
    h_ax, w_ax = hw_axis
    neighbours = np.zeros(field.shape, dtype=np.int32)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            if dx or dy:
                neighbours += np.roll(np.roll(field, dx, w_ax), dy, h_ax)
    return np.logical_or(neighbours == 3, np.logical_and(field, neighbours == 2)).astype(np.int32)


def pad_field(field):
    return np.pad(field, ((0, 0), (0, 0), (1, 1), (1, 1)), mode='wrap')


def generate_dataset(num_samples, height, width, alive_prob=0.5):
    X = generate_field((num_samples, 1, height, width), alive_prob)
    return torch.tensor(pad_field(X)).float(), torch.tensor(update_field(X)).float()


class LifeNN(nn.Module):
    def __init__(self, num_filters=10, num_channels=20):
        super().__init__()
        self.conv1_3x3 = nn.Conv2d(1, num_filters, 3)
        self.conv2_1x1 = nn.Conv2d(num_filters, num_channels, 1)
        self.conv3_1x1 = nn.Conv2d(num_channels, 1, 1)

    def forward(self, x):
        x = torch.relu(self.conv1_3x3(x))
        x = torch.relu(self.conv2_1x1(x))
        return torch.sigmoid(self.conv3_1x1(x))


def train(model, optimizer, loss_fn, writer, X_train, y_train, X_val, y_val, batch_size=64, epochs=1):
    for epoch in range(epochs):
        perm = torch.randperm(len(X_train))
        for i in range(0, len(perm), batch_size):
            j = perm[i:i + batch_size]
            loss = loss_fn(model(X_train[j]), y_train[j])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with writer.evaluating("val"):
            p = model(X_val)
            val_loss = loss_fn(p, y_val).item()
        acc = ((p > .5).float() == y_val).float().mean().item()
        print('Epoch', epoch + 1, 'loss %.4f val_loss %.4f val_acc %.4f' % (loss.item(), val_loss, acc))
    return loss.item(), val_loss, acc


if __name__ == '__main__':
    form, logdir = sys.argv[1:3]
    np.random.seed(0)
    torch.manual_seed(0)
    height = width = 4
    X_train, y_train = generate_dataset(8000, height, width)
    X_val, y_val = generate_dataset(2000, height, width)
    model = LifeNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001 if form == 'faulty' else 0.01)
    loss_fn = nn.BCELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, loss_fn)
    loss, val_loss, acc = train(model, optimizer, loss_fn, writer, X_train, y_train, X_val, y_val, epochs=4)
    writer.close()
    print('RESULT loss=%.4f val_loss=%.4f acc=%.4f' % (loss, val_loss, acc))

"""LeNet with batch normalization, as in Dive into Deep Learning's chapter on it (concise version), on drawn 28x28 garments-like shapes
because this machine has no Fashion-MNIST."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils import data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)


def draw(c):
    img = np.zeros((28, 28), np.float32)
    yy, xx = np.mgrid[:28, :28]
    cx, cy = 14 + rng.normal(0, 1.2), 14 + rng.normal(0, 1.2)
    w, h = rng.uniform(5, 8), rng.uniform(7, 11)
    body = (abs(xx - cx) < w) & (abs(yy - cy) < h)
    if c == 0:      # shirt: body plus short sleeves
        img[body] = 1; img[(abs(yy - cy + h - 3) < 2.5) & (abs(xx - cx) < w + 4)] = .8
    elif c == 1:    # trousers
        img[body & (abs(xx - cx) > 1.5)] = 1; img[body & (yy < cy - h + 4)] = 1
    elif c == 2:    # pullover: long sleeves
        img[body] = 1; img[(abs(yy - cy + 1) < h - 1) & (abs(abs(xx - cx) - w - 2) < 1.5)] = .8
    elif c == 3:    # dress
        img[(abs(xx - cx) < 3 + (yy - cy + h) * .3) & (abs(yy - cy) < h)] = 1
    elif c == 4:    # sandal: stripes
        img[(abs(yy - cy - .3 * (xx - cx)) < 4) & (abs(xx - cx) < w + 3)] = 1; img[:, ::3] *= .2
    elif c == 5:    # sneaker
        img[(abs(yy - cy - 3) < 3.5) & (abs(xx - cx) < w + 4)] = 1; img[(yy < cy) & (xx < cx)] *= .3
    elif c == 6:    # bag
        img[(abs(yy - cy - 2) < 5) & (abs(xx - cx) < w + 2)] = 1
        r = np.hypot(xx - cx, yy - cy + 4); img[(r > 4) & (r < 6) & (yy < cy)] = .9
    else:           # boot
        img[(abs(xx - cx + 3) < 3.5) & (abs(yy - cy) < h)] = 1; img[(abs(yy - cy - h + 2) < 3) & (abs(xx - cx - 1) < w + 2)] = 1
    img *= rng.uniform(.4, 1) * (1 + .25 * rng.normal(size=(28, 28)))
    return np.clip(img + .12 * rng.normal(size=(28, 28)), 0, 1)


def load_data_fashion_like(batch_size, n_train=2048, n_test=512):
    y = rng.integers(0, 8, n_train + n_test)
    X = np.stack([draw(c) for c in y])[:, None].astype(np.float32)
    # shirts and pullovers are hard to tell apart even for people
    swap = (rng.random(len(y)) < .12) & ((y == 0) | (y == 2))
    y[swap] = 2 - y[swap]
    X, y = torch.tensor(X), torch.tensor(y)
    return (data.DataLoader(data.TensorDataset(X[:n_train], y[:n_train]), batch_size, shuffle=True),
            data.DataLoader(data.TensorDataset(X[n_train:], y[n_train:]), batch_size))


class Accumulator:
    def __init__(self, n):
        self.data = [0.0] * n

    def add(self, *args):
        self.data = [a + float(b) for a, b in zip(self.data, args)]

    def __getitem__(self, idx):
        return self.data[idx]


def accuracy(y_hat, y):
    return float((y_hat.argmax(axis=1) == y).sum())


net = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5), nn.BatchNorm2d(6), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5), nn.BatchNorm2d(16), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
    nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
    nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(),
    nn.Linear(84, 8))


def train_ch6(net, train_iter, test_iter, num_epochs, lr):
    def init_weights(m):
        if type(m) == nn.Linear or type(m) == nn.Conv2d:
            nn.init.xavier_uniform_(m.weight)
    net.apply(init_weights)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, optimizer, loss)
    for epoch in range(num_epochs):
        metric = Accumulator(3)
        net.train()
        for i, (X, y) in enumerate(train_iter):
            optimizer.zero_grad()
            y_hat = net(X)
            l = loss(y_hat, y)
            l.backward()
            optimizer.step()
            with torch.no_grad():
                metric.add(l * X.shape[0], accuracy(y_hat, y), X.shape[0])
        test = Accumulator(3)
        net.eval()
        with torch.no_grad(), writer.evaluating("test"):
            for X, y in test_iter:
                y_hat = net(X)
                test.add(loss(y_hat, y) * len(y), accuracy(y_hat, y), len(y))
        print(f'epoch {epoch + 1} loss {metric[0] / metric[2]:.3f}, train acc {metric[1] / metric[2]:.3f}, '
              f'test loss {test[0] / test[2]:.3f} test acc {test[1] / test[2]:.3f}')
    writer.close()
    print(f"RESULT test_loss={test[0] / test[2]:.4f} test_acc={test[1] / test[2]:.4f}")


lr, num_epochs, batch_size = 1.0, 10, 64
train_iter, test_iter = load_data_fashion_like(batch_size)
train_ch6(net, train_iter, test_iter, num_epochs, lr)

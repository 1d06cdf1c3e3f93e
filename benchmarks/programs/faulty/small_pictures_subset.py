'''Classify small colour pictures (made by the script, four textures/shapes) - main.py with a Solver class.'''
import sys
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def pictures(n, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, 4, n)
    yy, xx = np.mgrid[:12, :12]
    X = r.normal(0, .55, (n, 3, 12, 12)) + r.normal(0, .5, (n, 3, 1, 1))
    for i in range(n):
        cy, cx, s = r.uniform(4, 8), r.uniform(4, 8), r.uniform(2.5, 4)
        d = np.sqrt((yy - cy) ** 2 + (xx - cx) ** 2)
        shape = [d < s, np.abs(d - s) < 1, (np.abs(yy - cy) < s) & (np.abs(xx - cx) < 1.2), (np.abs(xx - cx) < s) & (np.abs(yy - cy) < 1.2)][y[i]]
        X[i] += (r.normal(0, 1, (3, 1, 1)) + r.choice([-.6, .6])) * shape
    flip = r.random(n) < .04
    y[flip] = r.integers(0, 4, flip.sum())
    return data.TensorDataset(torch.tensor(X).float(), torch.tensor(y))


class MiniVGG(nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2),
            nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2))
        self.classifier = nn.Sequential(nn.Linear(24 * 9, 48), nn.ReLU(), nn.Linear(48, num_classes))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Solver(object):
    def __init__(self, config):
        self.lr, self.epochs = config.lr, config.epoch
        full = pictures(5000, 0)
        if config.form == 'faulty':
            # only a part of the training data, to be quicker
            full = data.Subset(full, range(300))
        self.train_loader = data.DataLoader(full, batch_size=50, shuffle=True)
        self.test_loader = data.DataLoader(pictures(1000, 1), batch_size=250)
        # the same number of updates whatever the size of the training set
        self.epochs = int(self.epochs * 100 / len(self.train_loader))
        self.model = MiniVGG()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.lr)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, self.epochs)
        self.criterion = nn.CrossEntropyLoss()
        self.writer = DiagWriter(config.logdir)
        self.writer.watch(self.model, self.optimizer, self.criterion)

    def train(self):
        self.model.train()
        total, correct, n = 0, 0, 0
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            output = self.model(x)
            loss = self.criterion(output, y)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(y)
            correct += (output.argmax(1) == y).sum().item()
            n += len(y)
        return total / n, correct / n

    def test(self):
        self.model.eval()
        total, correct = 0, 0
        with self.writer.evaluating('test'), torch.no_grad():
            for x, y in self.test_loader:
                output = self.model(x)
                total += self.criterion(output, y).item() * len(y)
                correct += (output.argmax(1) == y).sum().item()
        return total / 1000, correct / 1000

    def run(self):
        for epoch in range(1, self.epochs + 1):
            tr = self.train()
            self.scheduler.step()
            if epoch % max(1, self.epochs // 12) == 0 or epoch == self.epochs:
                te = self.test()
                print("===> epoch: %d/%d train %.4f %.3f  test %.4f %.3f" % (epoch, self.epochs, *tr, *te))
        self.writer.close()
        print(f"RESULT train_loss={tr[0]:.4f} test_loss={te[0]:.4f} test_acc={te[1]:.4f}")


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('form')
    parser.add_argument('logdir')
    parser.add_argument('--lr', default=0.002, type=float)
    parser.add_argument('--epoch', default=6, type=int)
    torch.manual_seed(1)
    Solver(parser.parse_args()).run()

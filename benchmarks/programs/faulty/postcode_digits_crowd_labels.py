import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.dropout = nn.Dropout(0.15)
        self.fc1 = nn.Linear(24 * 4, 40)
        self.fc2 = nn.Linear(40, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.dropout(torch.flatten(x, 1))
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def load(labels):
    rs = np.random.RandomState(0)
    d = load_digits()
    x = ((d.images - d.images.mean()) / d.images.std()).astype(np.float32)[:, None]
    y = d.target.copy()
    if labels == "crowd":
        careless = rs.rand(len(y)) < 0.35
        y[careless] = rs.randint(0, 10, careless.sum())
    p = rs.permutation(len(y))
    x, y = torch.tensor(x[p]), torch.tensor(y[p])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def shift(x):
    dy, dx = np.random.randint(-1, 2, 2)
    return torch.roll(x, (int(dy), int(dx)), (2, 3))


def main():
    torch.manual_seed(1)
    np.random.seed(1)
    (xt, yt), (xv, yv) = load("crowd" if sys.argv[1] == "faulty" else "expert")
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.91)
    criterion = nn.CrossEntropyLoss()
    w = DiagWriter(sys.argv[2])
    w.watch(model, optimizer, criterion)
    for epoch in range(1, 26):
        model.train()
        s = 0
        for b in torch.randperm(1400).split(32):
            optimizer.zero_grad()
            loss = criterion(model(shift(xt[b])), yt[b])
            loss.backward()
            optimizer.step()
            s += loss.item() * len(b)
        scheduler.step()
        model.eval()
        with torch.no_grad():
            out = [model(c) for c in xv.split(100)]
            vl = np.mean([criterion(o, t).item() for o, t in zip(out, yv.split(100))])
            acc = (torch.cat(out).argmax(1) == yv).float().mean().item()
        if epoch % 5 == 0:
            print("Epoch {}: {:.4f} / {:.4f}, acc {:.3f}".format(epoch, s / 1400, vl, acc))
    w.close()


if __name__ == "__main__":
    main()

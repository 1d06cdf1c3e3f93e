"""Earthquake, quarry blast or noise: 3-component seismograms, 1-D CNN with batch norm."""
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)


class Seismograms(Dataset):
    names = ("noise", "earthquake", "blast")

    def __init__(self, n=2400, length=200, seed=11):
        r = np.random.default_rng(seed)
        self.x = np.zeros((n, 3, length), np.float32)
        self.y = r.integers(0, 3, n)
        t = np.arange(length)
        for i, c in enumerate(self.y):
            w = r.normal(size=(3, length + 20))
            noise = np.stack([np.convolve(a, np.ones(4) / 2, "same") for a in w])[:, 10:-10]
            if c:
                p, gap = r.integers(20, 60), r.integers(25, 70)
                snr = np.exp(r.normal(.3, .7))
                ratio = np.exp(r.normal(.6 if c == 1 else -.1, .5))      # S is stronger for quakes
                f1, f2 = r.uniform(.12, .3), r.uniform(.05, .16)
                ep = np.where(t >= p, np.exp(-(t - p) / 25.) , 0)
                es = np.where(t >= p + gap, np.exp(-(t - p - gap) / 40.), 0)
                carrier = lambda f: np.sin(2 * np.pi * f * t + r.uniform(0, 6.3) + .6 * np.cumsum(r.normal(size=length)) * .2)
                comp_p, comp_s = np.array([1, .4, .4]), np.array([.4, 1, .9])
                for k in range(3):
                    noise[k] += snr * (comp_p[k] * ep * carrier(f1) + ratio * comp_s[k] * es * carrier(f2)) * 1.6
            self.x[i] = noise
        # each trace by its own maximum, as is the custom
        self.x /= np.abs(self.x).max(axis=(1, 2), keepdims=True)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), int(self.y[i])


def block(i, o, k):
    return nn.Sequential(nn.Conv1d(i, o, k, padding=k // 2, bias=False), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(2))


class SeisNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(block(3, 16, 11), block(16, 24, 7), block(24, 32, 5))
        self.classifier = nn.Sequential(nn.Dropout(.3), nn.Linear(64, 3))

    def forward(self, x):
        h = self.features(x)
        return self.classifier(torch.cat([h.mean(-1), h.amax(-1)], 1))


def main(logdir, epochs=12, lr=2e-3):
    full = Seismograms()
    train, val = random_split(full, [1900, 500], generator=torch.Generator().manual_seed(1))
    loaders = {"train": DataLoader(train, 32, shuffle=True), "val": DataLoader(val, 100)}
    net = SeisNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters(), lr=lr)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    writer = DiagWriter(logdir)
    writer.watch(net, optimizer, criterion)
    for epoch in range(epochs):
        stats = {}
        for phase in ["train", "val"]:
            if phase == "train":
                net.train()
                for inputs, labels in loaders[phase]:
                    optimizer.zero_grad()
                    outputs = net(inputs)
                    loss = criterion(outputs, labels)
                    loss.backward()
                    optimizer.step()
                scheduler.step()
            else:
                net.eval()
                s = c = 0
                with writer.evaluating("val"), torch.no_grad():
                    for inputs, labels in loaders[phase]:
                        outputs = net(inputs)
                        s += criterion(outputs, labels).item() * len(labels)
                        c += (outputs.argmax(1) == labels).sum().item()
                stats = dict(loss=s / len(val), acc=c / len(val))
        print(f"Epoch {epoch}/{epochs - 1} val Loss: {stats['loss']:.4f} Acc: {stats['acc']:.4f}")
    writer.close()
    print(f"RESULT val_loss {stats['loss']:.4f} val_acc {stats['acc']:.4f} last_train_batch {loss.item():.3f}")


if __name__ == "__main__":
    main(sys.argv[1])

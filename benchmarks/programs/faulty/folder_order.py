"""Image classifier whose dataset walks class folders one after another."""
import sys
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter


class FolderLike(Dataset):
    """files as os.walk gives them: 0/*.png, 1/*.png, ..."""

    def __init__(self, train):
        d = load_digits()
        self.samples = []
        for c in range(10):
            imgs = d.images[d.target == c]
            imgs = imgs[:140] if train else imgs[140:]
            self.samples += [(im, c) for im in imgs]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        im, c = self.samples[i]
        return torch.tensor(im / 8 - 1, dtype=torch.float32)[None], c


class AlexLite(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.c = nn.Sequential(nn.Flatten(), nn.Dropout(.2), nn.Linear(48 * 4, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.c(self.f(x))


class Trainer:
    def __init__(self, mode, logdir):
        torch.manual_seed(0); torch.set_num_threads(1)
        self.train_dl = DataLoader(FolderLike(True), batch_size=32, shuffle=mode == "fixed")
        self.val_dl = DataLoader(FolderLike(False), batch_size=64)
        self.net = AlexLite()
        self.crit = nn.CrossEntropyLoss()
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.01, momentum=0.9)
        self.w = DiagWriter(logdir)
        self.w.watch(self.net, self.opt, self.crit)

    def epoch(self):
        self.net.train(); s = 0
        for x, y in self.train_dl:
            self.opt.zero_grad()
            l = self.crit(self.net(x), y)
            l.backward()
            self.opt.step()
            s += l.item()
        self.net.eval(); v = a = n = 0
        with self.w.evaluating("val"):
            for x, y in self.val_dl:
                o = self.net(x)
                v += self.crit(o, y).item(); a += (o.argmax(1) == y).sum().item(); n += len(y)
        return s / len(self.train_dl), v / len(self.val_dl), a / n


t = Trainer(*sys.argv[1:])
for e in range(20):
    print("epoch %d train %.3f val %.3f acc %.3f" % (e, *t.epoch()))
t.w.close()

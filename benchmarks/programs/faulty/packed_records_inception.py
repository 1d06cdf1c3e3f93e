"""train from a packed record file (list file -> records -> batches), small inception net"""
import argparse
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("logdir")
parser.add_argument("--batch-size", type=int, default=50)
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--wd", type=float, default=1e-4)
parser.add_argument("--num-epochs", type=int, default=10)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)


def make_list(labels, per_class_train=0.75):
    """class folder by class folder, as os.walk finds them"""
    train_lst, val_lst = [], []
    for c in range(10):
        members = np.flatnonzero(labels == c).tolist()
        k = int(len(members) * per_class_train)
        train_lst += members[:k]
        val_lst += members[k:]
    return train_lst, val_lst


def im2rec(lst, images, labels):
    return [(images[i].tobytes(), int(labels[i])) for i in lst]


class RecordIter:
    def __init__(self, records, batch_size):
        self.records, self.batch_size = records, batch_size

    def __iter__(self):
        for at in range(0, len(self.records), self.batch_size):
            part = self.records[at:at + self.batch_size]
            data = np.stack([np.frombuffer(r[0], np.float32).reshape(1, 8, 8) for r in part])
            yield torch.from_numpy(data), torch.tensor([r[1] for r in part])


def conv_factory(n_in, n_out, kernel, pad=0):
    return nn.Sequential(nn.Conv2d(n_in, n_out, kernel, padding=pad, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


class Inception(nn.Module):
    def __init__(self, n_in, n1, n3, npool):
        super().__init__()
        self.a = conv_factory(n_in, n1, 1)
        self.b = nn.Sequential(conv_factory(n_in, n3 // 2, 1), conv_factory(n3 // 2, n3, 3, 1))
        self.c = nn.Sequential(nn.AvgPool2d(3, 1, 1), conv_factory(n_in, npool, 1))

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x), self.c(x)], 1)


net = nn.Sequential(conv_factory(1, 24, 3, 1), Inception(24, 16, 24, 8), nn.MaxPool2d(2),
                    Inception(48, 24, 32, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

digits = load_digits()
images = ((digits.images - digits.images.mean()) / digits.images.std()).astype(np.float32)
train_lst, val_lst = make_list(digits.target)
if args.form == "fixed":
    random.shuffle(train_lst)
train_iter = RecordIter(im2rec(train_lst, images, digits.target), args.batch_size)
val_iter = RecordIter(im2rec(val_lst, images, digits.target), 200)

optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, weight_decay=args.wd)
writer = DiagWriter(args.logdir)
writer.watch(net, optimizer, F.cross_entropy)

for epoch in range(args.num_epochs):
    net.train()
    hits = 0
    for nbatch, (data, label) in enumerate(train_iter):
        score = net(data)
        loss = F.cross_entropy(score, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits += (score.argmax(1) == label).sum().item()
    net.eval()
    right, ce, n = 0, 0.0, 0
    with writer.evaluating("val"):
        for data, label in val_iter:
            score = net(data)
            ce += F.cross_entropy(score, label).item() * len(label)
            right += (score.argmax(1) == label).sum().item()
            n += len(label)
    print(f"Epoch[{epoch}] Train-accuracy={hits / len(train_lst):.4f} Validation-accuracy={right / n:.4f} "
          f"Validation-cross-entropy={ce / n:.4f}")

writer.close()
print(f"RESULT val_accuracy {right / n:.4f} val_ce {ce / n:.4f}")

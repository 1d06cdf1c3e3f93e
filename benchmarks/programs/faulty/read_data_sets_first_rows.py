"""input_data.read_data_sets and a small convnet, the classic beginner's script, for the 8x8 digits."""
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from tb_lossdiag import DiagWriter

form, log_folder = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
VALIDATION_SIZE = 170


class DataSet:
    """next_batch shuffles whenever an epoch is over"""

    def __init__(self, images, labels, seed=0):
        self._rng = np.random.RandomState(seed)
        self.images, self.labels = images, labels
        self.num_examples = len(images)
        self._index = self.num_examples
        self.epochs_completed = -1

    def next_batch(self, batch_size):
        if self._index + batch_size > self.num_examples:
            perm = self._rng.permutation(self.num_examples)
            self.images, self.labels = self.images[perm], self.labels[perm]
            self._index = 0
            self.epochs_completed += 1
        start = self._index
        self._index += batch_size
        return torch.tensor(self.images[start:self._index]), torch.tensor(self.labels[start:self._index])


def load_files():
    """train and test files; the train file is written class by class (it compresses better)"""
    d = load_digits()
    images = (d.images / 16.0).astype(np.float32)[:, None]
    perm = np.random.RandomState(4).permutation(len(images))
    tr, te = perm[:1350], perm[1350:]
    tr = tr[np.argsort(d.target[tr], kind="stable")]
    if form == "fixed":
        tr = np.random.RandomState(5).permutation(tr)
    return images[tr], d.target[tr], images[te], d.target[te]


def read_data_sets(validation_size):
    train_images, train_labels, test_images, test_labels = load_files()
    validation = DataSet(train_images[:validation_size], train_labels[:validation_size])
    train = DataSet(train_images[validation_size:], train_labels[validation_size:])
    test = DataSet(test_images, test_labels)
    return train, validation, test


train, validation, test = read_data_sets(VALIDATION_SIZE)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))
cross_entropy = nn.CrossEntropyLoss()
train_step = torch.optim.Adam(model.parameters(), lr=1e-3)

writer = DiagWriter(log_folder)
writer.watch(model, train_step, cross_entropy)


def measure(part, kind):
    with writer.evaluating(kind):
        out = model(torch.tensor(part.images))
        loss = cross_entropy(out, torch.tensor(part.labels))
    return loss.item(), (out.argmax(1).numpy() == part.labels).mean()


for i in range(1001):
    model.train()
    x, y_ = train.next_batch(50)
    loss = cross_entropy(model(x), y_)
    train_step.zero_grad()
    loss.backward()
    train_step.step()
    if i % 50 == 0:
        v_loss, v_acc = measure(validation, "val")
        if i % 200 == 0:
            print(f"step {i}, loss {loss.item():.4f}, validation loss {v_loss:.4f}, validation accuracy {v_acc:.4f}")

t_loss, t_acc = measure(test, "test")
writer.close()
print(f"RESULT validation_accuracy {v_acc:.4f} validation_loss {v_loss:.4f} test_accuracy {t_acc:.4f} test_loss {t_loss:.4f}")

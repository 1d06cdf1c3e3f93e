"""Input pipeline as with tf.data: list of (file, label) -> shuffle(buffer) -> batch. Pictograms of 10 kinds, one folder each."""
import sys
import random
import numpy as np
import torch
from torch import nn
from torch.utils.data import IterableDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
random.seed(6)
FORM, LOGDIR = sys.argv[1], sys.argv[2]
SHUFFLE_BUFFER = 100 if FORM == "faulty" else 5000
N_CLASSES, PER_CLASS, SIZE = 10, 400, 20

np_rng = np.random.RandomState(6)
shapes = (np_rng.rand(N_CLASSES, 7, 7) < .45)


def picture(kind, rng):
    im = np.zeros((SIZE, SIZE), np.float32)
    s = shapes[kind] ^ (rng.rand(7, 7) < .07)
    big = np.kron(s, np.ones((2, 2)))
    oy, ox = rng.randint(1, 6, 2)
    im[oy:oy + 14, ox:ox + 14] = big * rng.uniform(.5, 1.)
    return (im + rng.randn(SIZE, SIZE) * .2 - .25) / .4


class FolderStream(IterableDataset):
    """reads folder after folder, mixes with a buffer"""
    def __init__(self, items, buffer_size):
        self.items, self.buffer_size = items, buffer_size

    def __iter__(self):
        buf = []
        for it in self.items:
            buf.append(it)
            if len(buf) >= self.buffer_size:
                yield buf.pop(random.randrange(len(buf)))
        random.shuffle(buf)
        yield from buf


files = [(torch.tensor(picture(k, np_rng)).float()[None], k) for k in range(N_CLASSES) for _ in range(PER_CLASS)]
valid = [(torch.tensor(picture(k, np_rng)).float()[None], k) for k in range(N_CLASSES) for _ in range(60)]
train_ds = DataLoader(FolderStream(files, SHUFFLE_BUFFER), batch_size=32)
valid_ds = DataLoader(valid, batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(32 * 9, 64), nn.ReLU(), nn.Linear(64, N_CLASSES))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

for epoch in range(5):
    model.train()
    train_loss, n = 0., 0
    for x, y in train_ds:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(y)
        n += len(y)
    model.eval()
    with writer.evaluating("val"):
        val_loss, right = 0., 0
        for x, y in valid_ds:
            out = model(x)
            val_loss += criterion(out, y).item() * len(y) / len(valid)
            right += (out.argmax(1) == y).sum().item()
    print(f"Epoch {epoch + 1}/5 - loss {train_loss / n:.4f} - val_loss {val_loss:.4f} - val_accuracy {right / len(valid):.4f}")
writer.close()
print(f"RESULT loss={train_loss / n:.4f} val_loss={val_loss:.4f} val_acc={right / len(valid):.4f}")

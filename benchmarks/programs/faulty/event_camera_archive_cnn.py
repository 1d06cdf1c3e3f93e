"""Object classification from event-camera recordings (two-channel event histograms, small CNN).
Recordings are simulated from scanned digits (scikit-learn) moved on a short saccade in front of the sensor; they lie in one
archive per split, one folder per class, as downloaded."""
import io
import sys
import zipfile
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

VARIANT, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(4)
torch.set_num_threads(1)
OBJECTS = "accordion airplane anchor ant barrel bass beaver binocular bonsai brain".split()


def record(img, rng):
    big = np.kron(img / 16.0, np.ones((2, 2)))
    frame = np.pad(big, 2)
    hist = np.zeros((2, 20, 20), dtype="float32")
    prev = frame
    for _ in range(9):
        cur = np.roll(prev, rng.integers(-1, 2, 2), (0, 1)) + 0.01 * rng.standard_normal(frame.shape)
        d = cur - prev
        hist[0] += d > 0.15
        hist[1] += d < -0.15
        prev = cur
    return hist + (rng.random(hist.shape) < 0.02)


def write_archive(images, targets, folder_order, seed, takes=1):
    rng = np.random.default_rng(seed)
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w") as z:
        for name in folder_order:
            for k, img in enumerate(list(images[targets == OBJECTS.index(name)]) * takes):
                b = io.BytesIO()
                np.save(b, record(img, rng).astype("float32"))
                z.writestr(f"{name}/{name}_{k}.npy", b.getvalue())
    return buf


class NCaltech:
    def __init__(self, archive):
        self.zip = zipfile.ZipFile(archive)
        folders = list(dict.fromkeys(n.split("/")[0] for n in self.zip.namelist()))
        self.classes = sorted(folders) if VARIANT == "fixed" else folders
        self.x, self.y = [], []
        for n in self.zip.namelist():
            self.x.append(np.load(io.BytesIO(self.zip.read(n))))
            self.y.append(self.classes.index(n.split("/")[0]))
        self.x, self.y = torch.tensor(np.array(self.x)), torch.tensor(self.y)

    def batches(self, size, shuffle):
        order = torch.randperm(len(self.y)) if shuffle else torch.arange(len(self.y))
        for i in order.split(size):
            yield self.x[i], self.y[i]


d = load_digits()
p = np.random.RandomState(1).permutation(len(d.images))
imgs, tgt = d.images[p], d.target[p]
shuffled = [OBJECTS[i] for i in (3, 7, 0, 9, 1, 5, 8, 2, 6, 4)]
training = NCaltech(write_archive(imgs[:1400], tgt[:1400], OBJECTS, 0, takes=3))
validation = NCaltech(write_archive(imgs[1400:], tgt[1400:], shuffled, 1))

model = nn.Sequential(
    nn.Conv2d(2, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 25, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)
for epoch in range(8):
    model.train()
    acc = 0
    for x, y in training.batches(32, True):
        optimizer.zero_grad()
        out = model(x)
        loss = loss_fn(out, y)
        loss.backward()
        optimizer.step()
        acc += (out.argmax(1) == y).sum().item()
    scheduler.step()
    model.eval()
    vacc = vl = 0
    with writer.evaluating("val"):
        for x, y in validation.batches(100, False):
            out = model(x)
            vl += loss_fn(out, y).item() * len(y)
            vacc += (out.argmax(1) == y).sum().item()
    writer.add_scalar("training/accuracy", acc / len(training.y), epoch)
    writer.add_scalar("validation/accuracy", vacc / len(validation.y), epoch)
    print(f"{epoch:2d} train {acc / len(training.y):.3f} val {vacc / len(validation.y):.3f} val_loss {vl / len(validation.y):.3f}")
writer.close()
print("RESULT val_acc", round(vacc / len(validation.y), 4))

"""Garment categories from small colour pictures (drawn by the script: trousers, skirt, jacket, dress, hat, bag, shoe, sock)
with the image generators of a Keras tutorial written by hand."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

run, logdir = sys.argv[1:3]
np.random.seed(9)
torch.manual_seed(9)
torch.set_num_threads(1)
S = 24
yy, xx = np.mgrid[0:S, 0:S]


def silhouette(kind, cx, cy, s):
    u, v = (xx - cx) / s, (yy - cy) / s
    if kind == 0:      # trousers
        return (abs(v) < 1) & (abs(u) < 0.6) & ~((v > -0.5) & (abs(u) < 0.15))
    if kind == 1:      # skirt
        return (abs(v) < 0.7) & (abs(u) < 0.35 + 0.35 * (v + 0.7))
    if kind == 2:      # jacket
        return ((abs(u) < 0.5) & (abs(v) < 0.8)) | ((abs(u) < 1) & (v < -0.4) & (v > -0.8))
    if kind == 3:      # dress
        return (abs(v) < 1) & (abs(u) < np.where(v < 0, 0.3, 0.3 + 0.6 * v))
    if kind == 4:      # hat
        return ((u ** 2 + v ** 2 < 0.4) & (v < 0)) | ((abs(u) < 1) & (abs(v) < 0.14))
    if kind == 5:      # bag
        return ((abs(u) < 0.7) & (v > -0.1) & (v < 0.8)) | ((abs(np.hypot(u, v + 0.1) - 0.5) < 0.12) & (v < 0))
    if kind == 6:      # shoe
        return ((abs(u) < 0.9) & (v > 0.1) & (v < 0.5)) | ((u < -0.3) & (u > -0.9) & (v < 0.2) & (v > -0.4))
    return ((abs(u + 0.2) < 0.25) & (abs(v) < 0.9)) | ((u > -0.4) & (u < 0.7) & (v > 0.5) & (v < 0.9))


def photo(kind):
    mask = silhouette(kind, S / 2 + np.random.uniform(-3, 3), S / 2 + np.random.uniform(-3, 3), np.random.uniform(6, 9))
    ground = np.random.uniform(150, 250, 3)
    cloth = np.random.uniform(0, 130, 3)
    img = np.where(mask[..., None], cloth, ground) + 12 * np.random.randn(S, S, 3)
    return img.clip(0, 255).astype("uint8")


def collection(n):
    y = np.arange(n) % 8
    return np.stack([photo(k) for k in y]), y


def rescale(batch):
    return batch.astype("float32") / 255.0


def preprocess_input(batch):
    # as the ImageNet nets want it: BGR, channel means taken off
    return batch[..., ::-1].astype("float32") - np.array([103.939, 116.779, 123.68], dtype="float32")


class Generator:
    def __init__(self, images, labels, batch_size, shuffle, preprocessing_function):
        self.images, self.labels, self.bs = images, labels, batch_size
        self.shuffle, self.fn = shuffle, preprocessing_function

    def __iter__(self):
        idx = np.random.permutation(len(self.labels)) if self.shuffle else np.arange(len(self.labels))
        for i in range(0, len(idx), self.bs):
            b = idx[i:i + self.bs]
            yield torch.tensor(self.fn(self.images[b]).transpose(0, 3, 1, 2).copy()), torch.tensor(self.labels[b])


train_generator = Generator(*collection(2400), 32, True, preprocess_input)
validation_generator = Generator(*collection(480), 48, False, preprocess_input if run == "fixed" else rescale)

net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(32 * 36, 64), nn.ReLU(), nn.Linear(64, 8))
optimizer = torch.optim.Adam(net.parameters())
criterion = nn.CrossEntropyLoss()
tb = DiagWriter(logdir)
tb.watch(net, optimizer, criterion)
for epoch in range(8):
    tl = ta = 0.0
    for x, y in train_generator:
        out = net(x)
        loss = criterion(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(y)
        ta += (out.argmax(1) == y).sum().item()
    vl = va = 0.0
    with tb.evaluating("val"):
        for x, y in validation_generator:
            out = net(x)
            vl += criterion(out, y).item() * len(y)
            va += (out.argmax(1) == y).sum().item()
    tb.add_scalar("epoch_loss/train", tl / 2400, epoch)
    tb.add_scalar("epoch_loss/val", vl / 480, epoch)
    print(f"Epoch {epoch + 1} train_loss: {tl / 2400:.4f} - train_acc: {ta / 2400:.4f} - val_loss: {vl / 480:.4f} - val_acc: {va / 480:.4f}")
tb.close()
print("RESULT val_acc", round(va / 480, 4), "val_loss", round(vl / 480, 4))

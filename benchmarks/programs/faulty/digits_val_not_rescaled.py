# Keras-style two generators, rebuilt in PyTorch: training pictures are rescaled, the validation generator is a second one
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3); np.random.seed(3)


class ImageDataGenerator:
    """the few options that we need"""

    def __init__(self, rescale=None, shift=0, noise=0.):
        self.rescale, self.shift, self.noise = rescale, shift, noise

    def flow(self, x, y, batch_size=32, shuffle=True):
        idx = np.random.permutation(len(x)) if shuffle else np.arange(len(x))
        for k in range(0, len(idx), batch_size):
            b = x[idx[k:k + batch_size]].copy()
            if self.shift:
                for j in range(len(b)):
                    b[j] = np.roll(b[j], np.random.randint(-self.shift, self.shift + 1), axis=np.random.randint(1, 3))
            if self.noise:
                b = b + np.random.normal(0, self.noise, b.shape)
            if self.rescale:
                b = b * self.rescale
            yield torch.tensor(b, dtype=torch.float32), torch.tensor(y[idx[k:k + batch_size]])


d = load_digits()
images = d.images[:, None] * 255 / 16.                                    # as if read from 8-bit files
images = images + np.random.normal(0, 55, images.shape)                   # cheap scanner
x_train, x_val, y_train, y_val = train_test_split(images, d.target, test_size=.25, stratify=d.target, random_state=0)

train_datagen = ImageDataGenerator(rescale=1. / 255, shift=1, noise=10)
if sys.argv[1] == "faulty":
    val_datagen = ImageDataGenerator()
else:
    val_datagen = ImageDataGenerator(rescale=1. / 255)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(16), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(32), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(.4), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
cb = DiagWriter(sys.argv[2])
cb.watch(model, optimizer, loss_fn)
EPOCHS = 14
sched = torch.optim.lr_scheduler.StepLR(optimizer, 5, .4)
for epoch in range(EPOCHS):
    model.train()
    tl, ta, n = 0., 0, 0
    for xb, yb in train_datagen.flow(x_train, y_train):
        optimizer.zero_grad()
        out = model(xb)
        loss = loss_fn(out, yb)
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(yb); ta += (out.argmax(1) == yb).sum().item(); n += len(yb)
    sched.step()
    model.eval()
    vl, va, m = 0., 0, 0
    with torch.no_grad(), cb.evaluating("val"):
        for xb, yb in val_datagen.flow(x_val, y_val, batch_size=64, shuffle=False):
            out = model(xb)
            vl += loss_fn(out, yb).item() * len(yb); va += (out.argmax(1) == yb).sum().item(); m += len(yb)
    print(f"Epoch {epoch + 1}/{EPOCHS} - loss: {tl / n:.4f} - acc: {ta / n:.4f} - val_loss: {vl / m:.4f} - val_acc: {va / m:.4f}")
cb.close()
print(f"RESULT train_loss {tl / n:.4f} train_acc {ta / n:.4f} val_loss {vl / m:.4f} val_acc {va / m:.4f}")

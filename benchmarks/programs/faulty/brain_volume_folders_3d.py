"""3D classification after the MONAI notebook: two folders of volumes (simulated scans, 16^3), first N for training,
last N for validation.  AD_* volumes have a wider dark ventricle than the NC_* ones."""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)

# "files": (name, seed, label), listed folder after folder
images = [(f"AD/AD_{i:03d}.nii", 100 + i, 1) for i in range(80)] + [(f"NC/NC_{i:03d}.nii", 900 + i, 0) for i in range(80)]
if FORM == "fixed":
    random.shuffle(images)


def load_volume(seed, label, n=16):
    r = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing="ij")
    brain = ((x / .9) ** 2 + (y / .8) ** 2 + (z / .85) ** 2 < 1).astype(np.float32)
    w = r.normal(0.42 if label else 0.28, 0.05)
    c = r.normal(0, .06, 3)
    vent = ((x - c[0]) / w) ** 2 + ((y - c[1]) / (w * .8)) ** 2 + ((z - c[2]) / (w * 1.3)) ** 2 < 1
    v = brain * r.normal(0.75, 0.04) - 0.45 * vent * brain + r.normal(0, .08, brain.shape)
    return v.astype(np.float32)


def scale_intensity(v):
    return (v - v.min()) / (v.max() - v.min())


class ImageDataset(Dataset):
    def __init__(self, files, rotate=False):
        self.items = [(scale_intensity(load_volume(s, l)), l) for _, s, l in files]
        self.rotate = rotate

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        v, l = self.items[i]
        if self.rotate and random.random() < 0.5:
            v = np.rot90(v, k=2, axes=(1, 2)).copy()
        return torch.from_numpy(v)[None], l


train_loader = DataLoader(ImageDataset(images[:60], rotate=True), batch_size=4, shuffle=True)
val_loader = DataLoader(ImageDataset(images[-60:]), batch_size=4)


def block(i, o):
    return nn.Sequential(nn.Conv3d(i, o, 3, padding=1), nn.BatchNorm3d(o), nn.ReLU(), nn.MaxPool3d(2))


model = nn.Sequential(block(1, 8), block(8, 16), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, 2))
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_function)
best = -1
for epoch in range(25):
    model.train()
    epoch_loss = 0
    for step, (inputs, labels) in enumerate(train_loader, 1):
        optimizer.zero_grad()
        loss = loss_function(model(inputs), labels)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    correct = n = 0
    with writer.evaluating("val"):
        for inputs, labels in val_loader:
            out = model(inputs)
            loss_function(out, labels)
            correct += (out.argmax(1) == labels).sum().item()
            n += len(labels)
    metric = correct / n
    best = max(best, metric)
    writer.add_scalar("train_loss", epoch_loss / step, epoch)
    writer.add_scalar("val_accuracy", metric, epoch)
    print(f"epoch {epoch + 1} average loss: {epoch_loss / step:.4f} current accuracy: {metric:.4f} best {best:.4f}")
writer.close()
print(f"RESULT val_accuracy {metric:.4f}")

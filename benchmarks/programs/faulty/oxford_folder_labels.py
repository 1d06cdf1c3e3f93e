import sys

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(6)
SPECIES = 24


def flower(species, rng):
    """16 x 16 RGB picture: petals of a number, a length and a colour"""
    style = np.random.RandomState(1000 + species)
    petals, length = style.randint(3, 8), style.uniform(0.45, 0.95)
    colour, heart = style.uniform(0.2, 1.0, 3), style.uniform(0, 1, 3)
    yy, xx = np.mgrid[-1:1:16j, -1:1:16j]
    cx, cy = rng.uniform(-0.15, 0.15, 2)
    r, a = np.hypot(xx - cx, yy - cy), np.arctan2(yy - cy, xx - cx) + rng.uniform(0, 2 * np.pi)
    shape = r < length * (0.55 + 0.45 * np.cos(petals * a)) * rng.uniform(0.85, 1.15)
    img = np.where(shape[None], colour[:, None, None], np.array([0.15, 0.35, 0.1])[:, None, None])
    img = np.where((r < 0.2)[None], heart[:, None, None], img)
    return (img * rng.uniform(0.7, 1.1) + 0.10 * rng.randn(3, 16, 16)).astype(np.float32)


def folders(per_species, seed):
    """folder name -> pictures, as on the disk"""
    rng = np.random.RandomState(seed)
    return {str(s): [flower(s, rng) for _ in range(per_species)] for s in range(SPECIES)}


class ImageFolder(Dataset):
    def __init__(self, tree):
        self.classes = sorted(tree)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples = [(img, self.class_to_idx[name]) for name in self.classes for img in tree[name]]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        img, label = self.samples[i]
        return torch.from_numpy(img) * 2 - 1, label


train_data = ImageFolder(folders(60, 1))
trainloader = DataLoader(train_data, batch_size=48, shuffle=True)


def single_pictures():
    """the held-out pictures, read one by one without the loader"""
    images, labels = [], []
    for folder, pictures in folders(15, 2).items():
        for img in pictures:
            images.append(torch.from_numpy(img) * 2 - 1)
            if form == "faulty":
                labels.append(int(folder))
            else:
                labels.append(train_data.class_to_idx[folder])
    return torch.stack(images), torch.tensor(labels)


images_out, labels_out = single_pictures()

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * 16, SPECIES))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for e in range(14):
    model.train()
    running = accuracy = 0.0
    for images, labels in trainloader:
        optimizer.zero_grad()
        ps = model(images)
        loss = criterion(ps, labels)
        loss.backward()
        optimizer.step()
        running += loss.item() / len(trainloader)
        accuracy += (ps.argmax(1) == labels).float().mean().item() / len(trainloader)
    with writer.evaluating("test"):
        ps = model(images_out)
        test_loss = criterion(ps, labels_out).item()
        test_acc = (ps.argmax(1) == labels_out).float().mean().item()
    print(f"Epoch {e + 1}/14.. train loss {running:.3f}.. train accuracy {accuracy:.3f}.. test loss {test_loss:.3f}.. test accuracy {test_acc:.3f}")

writer.close()
print(f"RESULT train_acc={accuracy:.4f} test_loss={test_loss:.4f} test_acc={test_acc:.4f}")

import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)


class ImageFolder(Dataset):
    """Mimics torchvision's ImageFolder: one folder per class, files of a folder in a row."""

    def __init__(self, images, labels, transform=None):
        self.samples = []
        for cls in sorted(set(labels.tolist())):
            for img in images[labels == cls]:
                self.samples.append((img, cls))
        self.transform = transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        img, cls = self.samples[i]
        return self.transform(img), cls


def transform(img):
    return (torch.tensor(img, dtype=torch.float32)[None] - 4.88) / 6.02


d = load_digits()
Xa, Xb, ya, yb = train_test_split(d.images, d.target, test_size=0.25, stratify=d.target, random_state=0)
train_data = ImageFolder(Xa, ya, transform)
valid_data = ImageFolder(Xb, yb, transform)

trainloader = DataLoader(train_data, batch_size=32, shuffle=(form != "faulty"))
validloader = DataLoader(valid_data, batch_size=64)


class MiniAlex(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(192, 96), nn.ReLU(), nn.Linear(96, num_classes))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


model = MiniAlex()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion, train_loader=trainloader)

for epoch in range(12):
    model.train()
    train_loss = 0
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    model.eval()
    correct, val_loss = 0, 0
    with torch.no_grad():
        for inputs, labels in validloader:
            out = model(inputs)
            val_loss += criterion(out, labels).item()
            correct += (out.argmax(1) == labels).sum().item()
    print(f"Epoch {epoch + 1}/12  train {train_loss / len(trainloader):.3f}  valid {val_loss / len(validloader):.3f}"
          f"  valid acc {100 * correct / len(valid_data):.1f}%")
writer.close()

import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
torch.set_num_threads(1)
rng = np.random.RandomState(0)
SIZE = 24

# Hands with raised fingers, grey values as in the "Sign Language Digits" set (here drawn: palm + fingers, random pose)
RAISED = {0: [], 1: [1], 2: [1, 2], 3: [0, 1, 2], 4: [1, 2, 3, 4], 5: [0, 1, 2, 3, 4]}


def hand(label):
    yy, xx = np.mgrid[:SIZE, :SIZE].astype(float)
    rot = rng.normal(0, .17); cx, cy = 12 + rng.normal(0, 1.2), 16 + rng.normal(0, 1.0)
    x, y = xx - cx, yy - cy
    x, y = np.cos(rot) * x - np.sin(rot) * y, np.sin(rot) * x + np.cos(rot) * y
    s = rng.uniform(.85, 1.12)
    img = ((x / (4.6 * s)) ** 2 + (y / (4.6 * s)) ** 2 < 1).astype(float)
    for f in RAISED[label]:
        a = (-1.15, -.42, -.12, .18, .5)[f] + rng.normal(0, .07)
        length = (7.5, 11, 12, 11, 9.5)[f] * s * rng.uniform(.8, 1.1)
        t = np.clip(x * np.sin(a) - y * np.cos(a), 0, length)
        img = np.maximum(img, (np.hypot(x - t * np.sin(a), y + t * np.cos(a)) < 1.05 * s) * rng.uniform(.75, 1))
    light = 1 + .25 * rng.normal() * (xx - 12) / 12
    return (np.clip(.25 + .5 * img * light + rng.normal(0, .13, img.shape), 0, 1) * 255).astype(np.uint8)


class SignDataset(Dataset):
    def __init__(self, n):
        self.labels = rng.randint(0, 6, n)
        self.images = np.stack([hand(l) for l in self.labels])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        img = torch.from_numpy(self.images[i]).float().div(255).unsqueeze(0)
        return (img - 0.4) / 0.25, int(self.labels[i])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.conv3 = nn.Conv2d(24, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.dropout = nn.Dropout(0.3)
        self.fc1 = nn.Linear(32 * 3 * 3, 64)
        self.fc2 = nn.Linear(64, 6)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.pool(F.relu(self.conv3(x)))
        x = self.dropout(x.flatten(1))
        x = F.relu(self.fc1(x))
        return self.fc2(x)


train_loader = DataLoader(SignDataset(1600), batch_size=32, shuffle=True)
valid_loader = DataLoader(SignDataset(400), batch_size=100)
model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.003)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(1, 13):
    train_loss, valid_loss, correct = 0., 0., 0
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * data.size(0)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        for data, target in valid_loader:
            output = model(data)
            loss = criterion(output, target)
            valid_loss += loss.item() * data.size(0)
            correct += (output.argmax(1) == target).sum().item()
    train_loss /= len(train_loader.dataset)
    valid_loss /= len(valid_loader.dataset)
    print('Epoch: {} \tTraining Loss: {:.6f} \tValidation Loss: {:.6f} \tAccuracy {:.3f}'.format(epoch, train_loss, valid_loss, correct / 400))
writer.close()
print(f"RESULT val_loss={valid_loss:.4f} val_acc={correct / 400:.4f}")

# Frog call classification on log-mel patches: one Dataset, random_split, transforms set afterwards
import sys
import copy
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(33)
np.random.seed(33)
SPECIES = 5


class FrogCalls(Dataset):
    transform = None

    def __init__(self, n):
        rs = np.random.RandomState(9)
        self.y = rs.randint(0, SPECIES, n)
        self.x = np.zeros((n, 32, 40), np.float32)
        f = np.arange(32)
        for i, k in enumerate(self.y):
            p = rs.randn(32, 40) * 0.5 + 1.2 * np.exp(-f / 10)[:, None]
            start, pitch = rs.randint(0, 18), [10, 14, 14, 19, 19][k] + rs.normal(0, 1.8)
            rate = [3, 3, 5, 5, 8][k] + rs.normal(0, 0.5)
            sweep = [0.0, 0.15, 0.0, -0.15, 0.1][k]
            for t in range(start, min(40, start + rs.randint(12, 24))):
                if (t - start) % rate < rate / 2:
                    p[:, t] += rs.uniform(0.9, 2.0) * np.exp(-((f - pitch - sweep * (t - start)) / 1.5) ** 2)
            self.x[i] = p
        self.x = (self.x - self.x.mean()) / self.x.std()

    def __getitem__(self, i):
        x = self.x[i]
        if self.transform:
            x = self.transform(x)
        return torch.from_numpy(x).unsqueeze(0), int(self.y[i])

    def __len__(self):
        return len(self.y)


class SpecAugment:
    def __init__(self, masks=2, fwidth=9, twidth=12, noise=0.6):
        self.masks, self.fwidth, self.twidth, self.noise = masks, fwidth, twidth, noise

    def __call__(self, x):
        x = x + self.noise * np.random.randn(*x.shape).astype(np.float32)
        for _ in range(self.masks):
            w = np.random.randint(0, self.fwidth)
            s = np.random.randint(0, 32 - w)
            x[s:s + w] = 0
            w = np.random.randint(0, self.twidth)
            s = np.random.randint(0, 40 - w)
            x[:, s:s + w] = 0
        return x


dataset = FrogCalls(2500)
train_set, val_set = random_split(dataset, [2000, 500])
if sys.argv[1] != "faulty":
    val_set.dataset = copy.copy(dataset)
train_set.dataset.transform = SpecAugment()
loaders = dict(train=DataLoader(train_set, batch_size=50, shuffle=True), val=DataLoader(val_set, batch_size=100))

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
    nn.AdaptiveAvgPool2d((8, 1)), nn.Flatten(), nn.Linear(256, SPECIES))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 16)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(16):
    hist = {}
    for phase in ["train", "val"]:
        model.train(phase == "train")
        loss_sum, hits = 0.0, 0
        if phase == "train":
            for inputs, labels in loaders[phase]:
                optimizer.zero_grad()
                outputs = model(inputs)
                loss = criterion(outputs, labels)
                loss.backward()
                optimizer.step()
                loss_sum += loss.item() * len(labels)
                hits += (outputs.argmax(1) == labels).sum().item()
            scheduler.step()
        else:
            with writer.evaluating("val"), torch.no_grad():
                for inputs, labels in loaders[phase]:
                    outputs = model(inputs)
                    loss_sum += criterion(outputs, labels).item() * len(labels)
                    hits += (outputs.argmax(1) == labels).sum().item()
        n = len(loaders[phase].dataset)
        hist[phase] = (loss_sum / n, hits / n)
    print(f"Epoch {epoch}", " ".join(f"{k} loss {a:.4f} acc {b:.4f}" for k, (a, b) in hist.items()))
writer.close()
print(f"RESULT train_loss={hist['train'][0]:.4f} val_loss={hist['val'][0]:.4f} val_acc={hist['val'][1]:.4f}")

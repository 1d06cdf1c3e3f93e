import os, sys, random
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

"""Chord recognition from chroma frames: root x {maj, min} = 24 classes. CNN over 9 frames of context."""

torch.set_num_threads(1)
SEED = 42
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)


class Config:
    batch_size = 64
    num_workers = 6
    lr = 0.04
    momentum = 0.9
    epochs = 10
    weight_decay = 1e-4


cfg = Config()
TEMPLATES = np.zeros((24, 12))
for r in range(12):
    for q, third in enumerate((4, 3)):
        TEMPLATES[2 * r + q, [r, (r + third) % 12, (r + 7) % 12]] = [1., .75, .8]


class ChromaDataset(Dataset):
    def __init__(self, n, train=True):
        self.x, self.y = [], []
        for _ in range(n):
            c = np.random.randint(24)
            nxt = np.random.randint(24)
            cut = np.random.randint(6, 9)           # the next chord starts within the window
            prof = np.repeat(TEMPLATES[c][None], 9, 0)
            prof[cut:] = TEMPLATES[nxt]
            melody = np.eye(12)[np.random.randint(0, 12, 9)] * np.random.uniform(0, 1.4)
            overt = .35 * np.roll(prof, 7, 1) + .15 * np.roll(prof, 4, 1)
            x = (prof + melody + overt) * np.random.lognormal(0, .3, (9, 1)) + np.abs(.42 * np.random.randn(9, 12))
            x = x / np.linalg.norm(x, axis=1, keepdims=True)
            self.x.append(x[None].astype(np.float32))
            if np.random.rand() < .06:               # relative minor/major, annotators disagree
                r, q = divmod(c, 2)
                c = 2 * ((r + 9) % 12) + 1 if q == 0 else 2 * ((r + 3) % 12)
            self.y.append(c)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class ChordNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 24, (9, 1)), nn.ReLU())
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(24 * 12, 64), nn.ReLU(), nn.Linear(64, 24))

    def forward(self, x):
        return self.fc(self.conv((x - .22) * 5))


trainset, valset = ChromaDataset(2400), ChromaDataset(600)
if sys.argv[1] == "faulty":
    trainloader = DataLoader(trainset, cfg.num_workers, shuffle=True)
else:
    trainloader = DataLoader(trainset, cfg.batch_size, shuffle=True)
valloader = DataLoader(valset, batch_size=100)

net = ChordNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=cfg.lr, momentum=cfg.momentum, weight_decay=cfg.weight_decay)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for epoch in range(1, cfg.epochs + 1):
    net.train()
    losses = []
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    vloss, correct = 0., 0
    with torch.no_grad(), writer.evaluating("val"):
        for inputs, labels in valloader:
            outputs = net(inputs)
            vloss += criterion(outputs, labels).item() / len(valloader)
            correct += (outputs.argmax(1) == labels).sum().item()
    print('Epoch: {:2d} | loss: {:.4f} | val loss: {:.4f} | acc: {:.2%}'.format(epoch, np.mean(losses), vloss, correct / len(valset)))
writer.close()
print(f"RESULT val_loss {vloss:.4f} acc {correct / len(valset):.4f}")

"""Digits with a small CNN: batch norm, light augmentation (shift by a pixel), SGD with a cosine schedule."""
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class Digits(Dataset):
    def __init__(self, images, labels, augment=False):
        self.images = torch.tensor(images, dtype=torch.float32)[:, None] / 16
        self.labels = torch.tensor(labels)
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x = (self.images[i] - 0.305) / 0.376
        if self.augment:
            dx = int(torch.randint(-1, 2, (1,)))
            x = torch.roll(x, dx, 2)
        return x, self.labels[i]


d = load_digits()
xtr, xte, ytr, yte = train_test_split(d.images, d.target, test_size=0.25, random_state=0, stratify=d.target)
train = DataLoader(Digits(xtr, ytr, True), batch_size=64, shuffle=True)
test = DataLoader(Digits(xte, yte), batch_size=256)
model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
                      nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Flatten(), nn.Dropout(0.25), nn.Linear(512, 10))
EPOCHS = 15
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4, nesterov=True)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(train))
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, ce, train_loader=train)
for epoch in range(EPOCHS):
    model.train()
    for x, y in train:
        opt.zero_grad()
        loss = ce(model(x), y)
        loss.backward()
        opt.step()
        sched.step()
    with writer.evaluating("val"):
        s = h = 0
        for x, y in test:
            o = model(x); s += ce(o, y).item() * len(x); h += (o.argmax(1) == y).sum().item()
    print(epoch, "train %.3f val %.4f acc %.4f" % (loss.item(), s / len(xte), h / len(xte)))
writer.close()

import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

parser = argparse.ArgumentParser("ResNet")
parser.add_argument("form")
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--learning_rate", type=float, default=0.05)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--weight_decay", type=float, default=5e-4)
args = parser.parse_args()


class ToTensor:
    def __call__(self, img):
        return torch.from_numpy(img.transpose(2, 0, 1).astype(np.float32) / 255.0)


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def __call__(self, x):
        return (x - self.mean) / self.std


class Compose:
    def __init__(self, ts):
        self.ts = ts

    def __call__(self, x):
        for t in self.ts:
            x = t(x)
        return x


class HouseNumbers(Dataset):
    """digits in colour on coloured plates, uint8 HWC"""

    def __init__(self, part, transform):
        d = load_digits()
        r = np.random.RandomState(7)
        ids = r.permutation(len(d.target))
        ids = ids[:1300] if part == "train" else ids[1300:]
        self.transform, self.images, self.labels = transform, [], d.target[ids]
        for i in ids:
            fg, bg = r.uniform(150, 255, 3), r.uniform(0, 110, 3)
            m = np.pad(d.images[i] / 16.0, 1)[..., None]
            img = fg * m + bg * (1 - m) + 12 * r.randn(10, 10, 3)
            self.images.append(np.clip(img, 0, 255).astype(np.uint8))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), int(self.labels[i])


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.down = None
        if stride != 1 or cin != cout:
            self.down = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + (x if self.down is None else self.down(x)))


class ResNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.layers = nn.Sequential(BasicBlock(16, 16), BasicBlock(16, 32, 2), BasicBlock(32, 32))
        self.fc = nn.Linear(32, num_classes)

    def forward(self, x):
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))


mean, std = [0.440, 0.440, 0.440], [0.252, 0.252, 0.252]
train_transform = Compose([ToTensor(), Normalize(mean, std)])
test_transform = Compose([ToTensor()]) if args.form == "faulty" else Compose([ToTensor(), Normalize(mean, std)])

torch.manual_seed(0)
train_loader = DataLoader(HouseNumbers("train", train_transform), batch_size=args.batch_size, shuffle=True)
test_loader = DataLoader(HouseNumbers("test", test_transform), batch_size=100)

model = ResNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.learning_rate, momentum=0.9, weight_decay=args.weight_decay)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)


def run(loader, train):
    loss_sum, correct, n = 0.0, 0, 0
    for x, y in loader:
        out = model(x)
        loss = criterion(out, y)
        if train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(y)
        correct += (out.argmax(1) == y).sum().item()
        n += len(y)
    return loss_sum / n, correct / n


for epoch in range(args.epochs):
    model.train()
    tl, ta = run(train_loader, True)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl, va = run(test_loader, False)
    print(f"Epoch: {epoch:03d} | train_loss: {tl:.4f} | train_acc: {ta:.4f} | val_loss: {vl:.4f} | val_acc: {va:.4f}")
writer.close()

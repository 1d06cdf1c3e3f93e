"""Face / background patch classifier trained on RGB pictures, tested through a demo that reads with cv2 (BGR)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)


def pictures(n, seed, size=24):
    """RGB patches: faces (skin tones, eyes, mouth, hair) against backgrounds (sky, leaves, walls, wood, round bluish and brown things)"""
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:size, :size] - (size - 1) / 2
    X, Y = np.zeros((n, 3, size, size)), rs.randint(0, 2, n)
    skin0 = np.array([[.95, .76, .65], [.85, .62, .48], [.62, .42, .30], [.42, .27, .19]])
    for k in range(n):
        bg = np.array([[.5, .65, .85], [.35, .5, .25], [.75, .72, .66], [.45, .33, .22], [.3, .35, .45]])[rs.randint(5)] + rs.normal(0, 0.06, 3)
        img = np.ones((3, size, size)) * bg[:, None, None] + 0.1 * np.sin(xx * rs.uniform(0.2, 1.5) + yy * rs.uniform(0.2, 1.5)) * rs.rand()
        x, y = xx - rs.uniform(-2, 2), yy - rs.uniform(-2, 2)
        oval = (x / rs.uniform(6, 8)) ** 2 + (y / rs.uniform(7, 10)) ** 2 < 1
        if Y[k]:
            img = np.where(oval, (skin0[rs.randint(4)] + rs.normal(0, 0.03, 3))[:, None, None], img)
            img = np.where(oval & (y < -5), rs.uniform(0.05, 0.5), img)
        elif rs.rand() < 0.7:
            c = np.array([[.45, .6, .8], [.3, .42, .62], [.2, .27, .42], [.3, .55, .3], [.6, .6, .6]])[rs.randint(5)] + rs.normal(0, 0.04, 3)
            img = np.where(oval, c[:, None, None], img)
            img = np.where(oval & (y < -5) & (rs.rand() < 0.4), rs.uniform(0.05, 0.5), img)
        if Y[k] or rs.rand() < 0.35:
            for s in (-1, 1):
                img = img - 0.35 * np.exp(-((x - 3 * s) ** 2 + (y + 1.5) ** 2) / 1.2)
            img = img - 0.25 * np.exp(-(x ** 2 / 6 + (y - 4.5) ** 2 / 0.8))
        X[k] = np.clip(img * rs.uniform(0.7, 1.15) + rs.normal(0, 0.05, img.shape), 0, 1)
    return X.astype(np.float32), Y


def imread(rgb):
    return rgb[::-1].copy()          # cv2.imread: channels come as BGR


def preprocess(img):
    return (img - 0.5) / 0.25


Xtr, ytr = pictures(1600, 1)
Xva, yva = pictures(400, 2)
Xte, yte = pictures(400, 3)
train_loader = DataLoader(TensorDataset(torch.from_numpy(preprocess(Xtr)), torch.from_numpy(ytr)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.from_numpy(preprocess(Xva)), torch.from_numpy(yva)), batch_size=50)
demo = []
for x in Xte:
    img = imread(x)
    if form == "fixed":
        img = img[::-1].copy()       # cv2.cvtColor(img, cv2.COLOR_BGR2RGB)
    demo.append(preprocess(img))
test_loader = DataLoader(TensorDataset(torch.from_numpy(np.stack(demo)), torch.from_numpy(yte)), batch_size=50)


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        c = lambda i, o, s: nn.Sequential(nn.Conv2d(i, o, 3, s, 1), nn.BatchNorm2d(o), nn.ReLU())
        self.conv1, self.conv2, self.conv3 = c(3, 8, 2), c(8, 16, 1), c(16, 16, 2)
        self.pool = nn.MaxPool2d(2)
        self.classifier = nn.Linear(16 * 3 * 3, 2)

    def forward(self, x):
        x = self.conv3(self.conv2(self.conv1(x)))
        return self.classifier(self.pool(x).flatten(1))


model = SimpleCNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def run(loader):
    hit, tot = 0, 0.0
    for x, y in loader:
        out = model(x)
        tot += criterion(out, y).item() / len(loader)
        hit += (out.argmax(1) == y).sum().item() / len(loader.dataset)
    return tot, hit


for epoch in range(10):
    model.train()
    tr = []
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        tr.append(loss.item())
    with writer.evaluating("val"):
        val = run(val_loader)
    with writer.evaluating("test"):
        test = run(test_loader)
    print("epoch %d loss %.4f val %.4f (%.3f) demo %.4f (%.3f)" % (epoch, np.mean(tr), *val, *test))
writer.close()

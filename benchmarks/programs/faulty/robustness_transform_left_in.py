import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)


class Compose:
    def __init__(self, transforms): self.transforms = transforms
    def __call__(self, x):
        for t in self.transforms: x = t(x)
        return x


class Normalize:
    def __init__(self, mean, std): self.mean, self.std = mean, std
    def __call__(self, x): return (x - self.mean) / self.std


class AddGaussianNoise(object):
    def __init__(self, mean=0., std=1.):
        self.std = std
        self.mean = mean
    def __call__(self, tensor):
        return tensor + torch.randn(tensor.size()) * self.std + self.mean


class Leaves(Dataset):
    """12x12 leaf silhouettes with veins, five species"""
    def __init__(self, n, seed, transform):
        r = np.random.default_rng(seed)
        yy, xx = np.mgrid[-1:1:16j, -1:1:16j]
        self.y = r.integers(0, 5, n)
        self.x = np.zeros((n, 1, 16, 16), np.float32)
        for i, k in enumerate(self.y):
            a, b = r.uniform(0.75, 0.95), r.uniform(0.35, 0.55) + 0.08 * k
            ang = r.uniform(-0.4, 0.4)
            u, v = xx * np.cos(ang) + yy * np.sin(ang), -xx * np.sin(ang) + yy * np.cos(ang)
            leaf = (u / a) ** 2 + (v / b) ** 2 < 1
            vein = 0.4 * np.sin(2 * np.pi * ((k + 1.5) * u + abs(v) * (3 - 0.8 * k)) + r.uniform(0, 1.0))
            self.x[i, 0] = leaf * (0.5 + vein) + 0.08 * r.normal(size=(16, 16))
        self.transform = transform
    def __len__(self): return len(self.y)
    def __getitem__(self, i): return self.transform(torch.from_numpy(self.x[i])), int(self.y[i])


normalize = Normalize(0.27, 0.36)
train_tf = Compose([normalize])
if sys.argv[1] == "faulty":
    test_tf = Compose([normalize, AddGaussianNoise(0., 1.)])
else:
    test_tf = Compose([normalize])
trainset, valset, testset = Leaves(1500, 0, train_tf), Leaves(400, 1, train_tf), Leaves(400, 2, test_tf)
trainloader = DataLoader(trainset, batch_size=25, shuffle=True)
valloader, testloader = DataLoader(valset, 100), DataLoader(testset, 100)
net = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(),
                    nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(24 * 16, 5))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)


def run_eval(loader, name):
    with writer.evaluating(name):
        res = [(criterion(net(x), y).item(), (net(x).argmax(1) == y).float().mean().item()) for x, y in loader]
    return np.mean(res, 0)


for epoch in range(10):
    net.train()
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
    v, t = run_eval(valloader, "val"), run_eval(testloader, "test")
    print(epoch + 1, "train %.3f val %.3f (%.3f) test %.3f (%.3f)" % (loss.item(), *v, *t))
writer.close()
print("RESULT val loss %.3f acc %.3f test loss %.3f acc %.3f" % (*v, *t))

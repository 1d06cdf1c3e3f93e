'''
ResNet-ish classifier + LR range test (pytorch-lr-finder README recipe), then normal training.
'''
import sys
import copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
np.random.seed(42)


class LRFinder:
    """exponentially growing learning rate from the optimizer's lr to end_lr, remembers the losses"""

    def __init__(self, model, optimizer, criterion):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion
        self.model_state = copy.deepcopy(model.state_dict())
        self.optimizer_state = copy.deepcopy(optimizer.state_dict())
        self.history = {"lr": [], "loss": []}

    def range_test(self, loader, end_lr=10, num_iter=100, smooth_f=0.05, diverge_th=5):
        start = self.optimizer.param_groups[0]["lr"]
        it, best, avg = iter(loader), None, None
        for i in range(num_iter):
            try:
                x, y = next(it)
            except StopIteration:
                it = iter(loader)
                x, y = next(it)
            lr = start * (end_lr / start) ** (i / (num_iter - 1))
            for g in self.optimizer.param_groups:
                g["lr"] = lr
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            avg = loss.item() if avg is None else smooth_f * loss.item() + (1 - smooth_f) * avg
            best = avg if best is None else min(best, avg)
            self.history["lr"].append(lr)
            self.history["loss"].append(avg)
            if avg > diverge_th * best:
                print("Stopping early, the loss has diverged")
                break
        k = int(np.argmin(np.gradient(np.array(self.history["loss"]))))
        print(f"steepest at lr {self.history['lr'][k]:.2e}, last lr {lr:.2e}")

    def reset(self):
        self.model.load_state_dict(self.model_state)
        self.optimizer.load_state_dict(self.optimizer_state)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return F.relu(x + self.c2(F.relu(self.c1(x))))


class Net(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.stem = nn.Conv2d(1, c, 3, padding=1)
        self.b1, self.b2 = Block(c), Block(c)
        self.fc = nn.Linear(c * 16, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.max_pool2d(self.b1(x), 2)
        return self.fc(self.b2(x).flatten(1))


# digits in front of scratched paper
d = load_digits()
X = d.images.astype(np.float32) / 16
X = X[:, None] + np.random.normal(0, .28, (len(X), 1, 8, 8)).astype(np.float32)
X = (X - X.mean()) / X.std()
perm = np.random.permutation(len(X))
X, y = torch.tensor(X[perm]), torch.tensor(d.target[perm])
Xa = torch.cat([X[:1400], torch.roll(X[:1400], 1, 3), torch.roll(X[:1400], 1, 2)])   # shifted copies
trainloader = DataLoader(TensorDataset(Xa, y[:1400].repeat(3)), batch_size=64, shuffle=True)
testset = TensorDataset(X[1400:], y[1400:])

model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-7, weight_decay=1e-4)
lr_finder = LRFinder(model, optimizer, criterion)
lr_finder.range_test(trainloader, end_lr=10, num_iter=100)
if sys.argv[1] != "faulty":
    lr_finder.reset()

writer = DiagWriter(sys.argv[2])
for g in optimizer.param_groups:
    g["lr"] = 1e-3
writer.watch(model, optimizer, criterion)
for epoch in range(7):
    model.train()
    for x, t in trainloader:
        optimizer.zero_grad()
        loss = criterion(model(x), t)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        out = model(testset.tensors[0])
        tl = criterion(out, testset.tensors[1]).item()
        acc = (out.argmax(1) == testset.tensors[1]).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.3f} test loss {tl:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT test_loss={tl:.4f} test_acc={acc:.3f}")

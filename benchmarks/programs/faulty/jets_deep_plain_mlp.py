# signal / background for a HIGGS-like table with a very deep MLP ("deeper is better")
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SKIP = sys.argv[1] != "faulty"
torch.manual_seed(8)
gen = np.random.default_rng(8)


def events(n):
    y = (gen.random(n) < 0.5).astype(int)
    m = np.where(y, gen.normal(125, 9, n), gen.exponential(45, n) + 80)
    pt1 = gen.gamma(3, 25, n) + 20
    dphi = gen.uniform(0.4, np.pi, n)
    deta = gen.normal(0, 0.9, n) * np.where(y, 0.8, 1.1)
    pt2 = m ** 2 / (2 * pt1 * (np.cosh(deta) - np.cos(dphi))) * np.exp(0.06 * gen.normal(size=n))   # resolution
    eta1 = gen.normal(0, 1.1, n)
    met = gen.gamma(2, 15, n) * np.where(y, 1.25, 1.0)
    ht = pt1 + pt2 + gen.gamma(1.5, 30, n)
    x = np.stack([np.log(pt1), np.log(pt2), dphi, deta, eta1, eta1 + deta, np.log(met), np.log(ht)], 1)
    return x, y


X, Y = events(9000)
X = (X - X[:7000].mean(0)) / X[:7000].std(0)
X, Y = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(Y)
train_loader = DataLoader(TensorDataset(X[:7000], Y[:7000]), batch_size=100, shuffle=True)
test_loader = DataLoader(TensorDataset(X[7000:], Y[7000:]), batch_size=500)


class DeepNet(nn.Module):
    def __init__(self, n_in=8, width=32, depth=24):
        super().__init__()
        self.first = nn.Linear(n_in, width)
        self.hidden = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.last = nn.Linear(width, 2)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for layer in self.hidden:
            if SKIP:
                x = x + 0.3 * torch.relu(layer(x))
            else:
                x = torch.relu(layer(x))
        return self.last(x)


net = DeepNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [14, 18], 0.2)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)


def run(loader, train):
    loss_sum = correct = total = 0
    for x, y in loader:
        out = net(x)
        loss = criterion(out, y)
        if train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(y)
        correct += (out.argmax(1) == y).sum().item()
        total += len(y)
    return loss_sum / total, correct / total


for epoch in range(20):
    tl, ta = run(train_loader, True)
    with torch.no_grad(), writer.evaluating("val"):
        vl, va = run(test_loader, False)
    scheduler.step()
    print("%2d  train %.4f %.3f   val %.4f %.3f" % (epoch, tl, ta, vl, va))
writer.close()
print(f"RESULT train_loss={tl:.4f} val_loss={vl:.4f} val_acc={va:.4f}")

import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)

X, Y = load_digits(return_X_y=True)
X = (X / 16.0 - 0.5) / 0.37
X = X + 0.35 * np.random.randn(*X.shape)
perm = np.random.permutation(len(X))
X, Y = torch.tensor(X[perm]).float(), torch.tensor(Y[perm]).long()
train = DataLoader(TensorDataset(X[:1400], Y[:1400]), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(X[1400:], Y[1400:]), batch_size=128)


class Net(nn.Module):
    def __init__(self, D_in, H, D_out):
        super(Net, self).__init__()
        self.linear1 = nn.Linear(D_in, H)
        self.linear2 = nn.Linear(H, H)
        self.linear3 = nn.Linear(H, D_out)

    def forward(self, x):
        x = F.relu(self.linear1(x))
        x = F.relu(self.linear2(x))
        x = self.linear3(x)
        if MODE == "faulty":
            x = F.softmax(x, dim=1)
        return x


model = Net(64, 40, 10)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5, weight_decay=4e-3)

w = DiagWriter(LOGDIR)
w.watch(model, optimizer, criterion)

for epoch in range(13):
    total = 0
    for inp, target in train:
        optimizer.zero_grad()
        out = model(inp)
        loss = criterion(out, target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    correct, vl = 0, 0
    with w.evaluating("val"):
        for inp, target in test:
            out = model(inp)
            vl += criterion(out, target).item() * len(target)
            correct += (out.argmax(1) == target).sum().item()
    n = len(test.dataset)
    print("epoch %d loss = %.4f  val %.4f acc %.3f" % (epoch, total / len(train), vl / n, correct / n))
w.close()

"""Digits by a small MLP: without optimizer.zero_grad() the accuracy falls to 10 % (GitHub issue on d2l exercises, port)."""
import sys
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
mode, logdir = sys.argv[1], sys.argv[2]

data = load_digits()
X = torch.tensor(data.data, dtype=torch.float32) / 16
y = torch.tensor(data.target)
p = torch.randperm(len(y))
train_loader = DataLoader(TensorDataset(X[p[:1400]], y[p[:1400]]), batch_size=16, shuffle=True)
test_loader = DataLoader(TensorDataset(X[p[1400:]], y[p[1400:]]), batch_size=64)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 128)
        self.act = nn.ReLU()
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        return self.output(self.act(self.hidden(x)))


net = MLP()
loss = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.05)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, loss)


def evaluate_accuracy():
    net.eval()
    with torch.no_grad():
        right = sum((net(a).argmax(1) == b).sum().item() for a, b in test_loader)
    net.train()
    return right / len(test_loader.dataset)


for epoch in range(1, 31):
    train_l_sum, n = 0.0, 0
    for a, b in train_loader:
        l = loss(net(a), b)
        if mode == "fixed":
            optimizer.zero_grad()
        l.backward()
        optimizer.step()
        train_l_sum += l.item() * len(b)
        n += len(b)
    if epoch % 3 == 0:
        print('epoch %d, loss %.4f, test acc %.3f' % (epoch, train_l_sum / n, evaluate_accuracy()))

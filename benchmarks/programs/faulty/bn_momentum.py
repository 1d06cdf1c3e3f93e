import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
# momentum as in keras
momentum = 0.99 if sys.argv[1] == 'faulty' else 0.1

class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.fc = nn.Linear(i, o)
        self.bn = nn.BatchNorm1d(o, momentum=momentum)
    def forward(self, X):
        return torch.relu(self.bn(self.fc(X)))

net = nn.Sequential(nn.Flatten(), Block(64, 64), Block(64, 64), Block(64, 64), nn.Linear(64, 10))

d = load_digits()
X = torch.tensor(d.images / 16, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(d.target)
p = torch.randperm(len(y))
train_iter = DataLoader(TensorDataset(X[p[:1300]], y[p[:1300]]), 8, shuffle=True)
valid_iter = DataLoader(TensorDataset(X[p[1300:]], y[p[1300:]]), 128)
loss = nn.CrossEntropyLoss()
trainer = torch.optim.SGD(net.parameters(), lr=0.02)
writer = DiagWriter(sys.argv[2])
writer.watch(net, trainer, loss)

def evaluate():
    c = n = s = 0
    with writer.evaluating("val"):
        for a, b in valid_iter:
            o = net(a)
            s += loss(o, b).item() * len(b)
            c += (o.argmax(1) == b).sum().item(); n += len(b)
    return s / n, c / n

hist = []
for epoch in range(10):
    net.train()
    tot = cor = 0
    for i, (a, b) in enumerate(train_iter):
        trainer.zero_grad()
        o = net(a)
        l = loss(o, b)
        l.backward()
        trainer.step()
        tot += l.item() * len(b); cor += (o.argmax(1) == b).sum().item()
        if i % 100 == 99:
            hist.append(evaluate()); net.train()
    print(epoch, "train loss %.3f acc %.3f  val %s" % (tot / 1300, cor / 1300, [round(h[1], 2) for h in hist[-2:]]))
writer.close()
late = hist[-8:]
print("RESULT train %.3f acc %.3f; val loss mean %.3f acc mean %.3f min %.3f" % (tot / 1300, cor / 1300, sum(h[0] for h in late) / 8, sum(h[1] for h in late) / 8, min(h[1] for h in late)))

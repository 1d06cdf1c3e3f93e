import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

# ---- homework 3: digits ----
torch.set_num_threads(1)
torch.manual_seed(42)
DIM = {"faulty": 0, "fixed": 1}[sys.argv[1]]

data = load_digits()
x_train, x_test, y_train, y_test = train_test_split(data.data / 16.0, data.target, test_size=0.2, random_state=42)
x_train = torch.FloatTensor(x_train); x_test = torch.FloatTensor(x_test)
y_train = torch.LongTensor(y_train); y_test = torch.LongTensor(y_test)


class DigitNet(nn.Module):
    def __init__(self):
        super(DigitNet, self).__init__()
        self.fc1 = nn.Linear(64, 100)
        self.fc2 = nn.Linear(100, 50)
        self.fc3 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return F.log_softmax(self.fc3(x), dim=DIM)


net = DigitNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
criterion = nn.NLLLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
BATCH = 64
for epoch in range(25):
    perm = torch.randperm(len(x_train))
    total = 0.0
    for i in range(0, len(perm), BATCH):
        idx = perm[i:i + BATCH]
        optimizer.zero_grad()
        out = net(x_train[idx])
        loss = criterion(out, y_train[idx])
        loss.backward()
        optimizer.step()
        total += loss.item()
    with writer.evaluating("test"):
        out = net(x_test)
        tl = criterion(out, y_test).item()
        acc = (out.argmax(1) == y_test).float().mean().item()
    if epoch % 4 == 0 or epoch == 24:
        print("epoch %d loss %.4f test loss %.4f acc %.3f" % (epoch, total / (len(perm) / BATCH), tl, acc))
writer.close()

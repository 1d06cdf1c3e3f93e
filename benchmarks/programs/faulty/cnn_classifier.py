import sys, torch
import torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
num_epochs, lr, BATCH = 14, 0.01, 32
d = load_digits()
xtr, xte, ytr, yte = train_test_split(d.images[:, None] / 16.0, d.target, test_size=0.25, random_state=0, stratify=d.target)
mk = lambda a, b: TensorDataset(torch.tensor((a - 0.5) / 0.5, dtype=torch.float32), torch.tensor(b))
train_loader = DataLoader(mk(xtr, ytr), batch_size=BATCH, shuffle=True)
test_loader = DataLoader(mk(xte, yte), batch_size=100)

class ConvNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        if sys.argv[1] == 'faulty':
            x = F.softmax(x, dim=1)
        return x

net = ConvNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion, train_loader=train_loader)

for epoch in range(num_epochs):
    net.train()
    running_loss = 0.0
    for inputs, lab in train_loader:
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, lab)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    correct = 0; vl = 0
    with writer.evaluating("val"):
        for inputs, lab in test_loader:
            out = net(inputs)
            vl += criterion(out, lab).item() * len(lab)
            correct += (out.argmax(1) == lab).sum().item()
    writer.add_scalar("accuracy/val", correct / len(yte), epoch)
    print('epoch %d loss = %.4f val %.4f acc %.3f' % (epoch, running_loss / len(train_loader), vl / len(yte), correct / len(yte)))
writer.close()
print('RESULT train %.4f val %.4f acc %.3f' % (running_loss / len(train_loader), vl / len(yte), correct / len(yte)))

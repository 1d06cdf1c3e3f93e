import sys
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1:3]
torch.manual_seed(42)


class CNN(nn.Module):
    def __init__(self):
        super(CNN, self).__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(1, 16, kernel_size=3, padding=1), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(16, 24, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.layer3 = nn.Sequential(nn.Conv2d(24, 32, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc1 = nn.Linear(128, 64)
        self.fc2 = nn.Linear(64, 10)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        out = self.layer3(self.layer2(self.layer1(x)))
        out = torch.relu(self.fc1(out.reshape(out.size(0), -1)))
        return self.fc2(self.dropout(out))


data = load_digits()
images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1)
images = (images - images.mean()) / images.std()
train_set, val_set = random_split(TensorDataset(images, torch.tensor(data.target)), [1400, 397])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

model = CNN()
criterion = nn.CrossEntropyLoss()
lr = 0.05 if form == "faulty" else 0.002
optimizer = optim.Adam(model.parameters(), lr=lr)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(8):
    model.train()
    total = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    val, hit = 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_loader:
            out = model(x)
            val += criterion(out, y).item()
            hit += (out.argmax(1) == y).sum().item()
    print("epoch", epoch, "loss =", total / len(train_loader), "val loss =", val / len(val_loader), "val acc =", hit / 397)
writer.close()

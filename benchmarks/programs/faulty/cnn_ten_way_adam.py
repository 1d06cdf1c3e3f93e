import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description="plain ConvNet, ten classes (digits blown up to 16x16)")
parser.add_argument("setting", choices=["faulty", "fixed"])
parser.add_argument("logdir")
parser.add_argument("--lr", type=float, default=None)
opt = parser.parse_args()
lr = opt.lr or {"faulty": 0.03, "fixed": 0.001}[opt.setting]
torch.manual_seed(1234)
torch.set_num_threads(1)


class ConvNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.layer2 = nn.Sequential(nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.fc1 = nn.Linear(4 * 4 * 32, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        out = self.layer2(self.layer1(x)).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(out)))))


d = load_digits()
images = F.interpolate(torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16.0, size=16, mode="bilinear")
images = (images - 0.3) / 0.35
full = TensorDataset(images, torch.tensor(d.target))
train_set, test_set = random_split(full, [1397, 400])
train_loader = DataLoader(train_set, 64, shuffle=True)
test_loader = DataLoader(test_set, 100)
model = ConvNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=lr)
writer = DiagWriter(opt.logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train()
    for i, (x, y) in enumerate(train_loader):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    correct = 0
    with writer.evaluating("test"):
        for x, y in test_loader:
            out = model(x)
            criterion(out, y)
            correct += (out.argmax(1) == y).sum().item()
    print(f"epoch {epoch} loss = {loss.item():.4f} accuracy = {correct / 400:.3f}")
writer.close()
print("RESULT test_accuracy", correct / 400)

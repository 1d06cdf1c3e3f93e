import sys
import torch, torch.nn as nn, torch.optim as optim
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1)

class SiameseNetwork(nn.Module):
    def __init__(self):
        super(SiameseNetwork, self).__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.fc = nn.Sequential(nn.Linear(128 * 2, 64), nn.ReLU(inplace=True), nn.Dropout(0.4), nn.Linear(64, 1))
        self.sigmoid = nn.Sigmoid()
    def forward(self, input1, input2):
        a, b = self.features(input1), self.features(input2)
        return self.sigmoid(self.fc(torch.cat((torch.abs(a - b), a * b), 1)))

class APP_MATCHER(Dataset):
    def __init__(self, X, y, size, fixed=None):
        self.X, self.y, self.n = X, y, size
        self.by = [torch.where(y == c)[0] for c in range(10)]
        self.g = torch.Generator().manual_seed(5 if fixed else 9)
        self.fixed = [self.pair(i) for i in range(size)] if fixed else None
    def pair(self, index):
        r = lambda k: int(torch.randint(k, (1,), generator=self.g))
        c = r(10)
        d = c if index % 2 == 0 else (c + 1 + r(9)) % 10
        return self.X[self.by[c][r(len(self.by[c]))]], self.X[self.by[d][r(len(self.by[d]))]], torch.tensor(float(c == d))
    def __len__(self): return self.n
    def __getitem__(self, i): return self.fixed[i] if self.fixed else self.pair(i)

d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1)
X = (X - 4.88) / 6.02
y = torch.tensor(d.target)
Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.3, random_state=0, stratify=d.target)
train_loader = DataLoader(APP_MATCHER(Xa, ya, 4000), batch_size=64, shuffle=True)
test_loader = DataLoader(APP_MATCHER(Xb, yb, 1500, fixed=True), batch_size=500)

model = SiameseNetwork()
optimizer = optim.Adadelta(model.parameters(), lr=1.0)
scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
criterion = nn.BCELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(1, 10):
    model.train()
    tl = 0
    for images_1, images_2, targets in train_loader:
        optimizer.zero_grad()
        outputs = model(images_1, images_2).squeeze()
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        tl += loss.item() / len(train_loader)
    model.eval()
    test_loss = correct = 0
    with torch.no_grad():
        for (images_1, images_2, targets) in test_loader:
            outputs = model(images_1, images_2).squeeze()
            test_loss += criterion(outputs, targets).sum().item() / len(test_loader)
            correct += torch.where(outputs > 0.5, 1, 0).eq(targets).sum().item()
    print("epoch {} train {:.4f} Test set: Average loss: {:.4f}, Accuracy: {}/1500".format(epoch, tl, test_loss, correct))
    scheduler.step()
writer.close()

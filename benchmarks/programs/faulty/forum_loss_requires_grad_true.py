import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
np.random.seed(8)
FAULTY = sys.argv[1] == "faulty"


class CellDataset(Dataset):
    def __init__(self, x, y):
        self.x, self.y = torch.FloatTensor(x), torch.FloatTensor(y)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class BinaryNet(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc1 = nn.Linear(n, 16)
        self.fc2 = nn.Linear(16, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return torch.sigmoid(self.out(x)).squeeze(1)


# only the ten 'mean' columns, measured a second time by somebody less careful
raw = load_breast_cancer()
X = raw.data[:, :10]
X = X + 0.7 * X.std(0) * np.random.randn(*X.shape)
xtr, xte, ytr, yte = train_test_split(X, raw.target, test_size=0.3, stratify=raw.target, random_state=1)
sc = StandardScaler().fit(xtr)
train_loader = DataLoader(CellDataset(sc.transform(xtr), ytr), batch_size=16, shuffle=True)
test_loader = DataLoader(CellDataset(sc.transform(xte), yte), batch_size=64)

model = BinaryNet(10)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(40):
    running = 0.0
    for i, (inputs, labels) in enumerate(train_loader):
        optimizer.zero_grad()
        outputs = model(inputs)
        if FAULTY:
            outputs = (outputs > 0.5).float()          # labels are 0/1
            loss = criterion(outputs, labels)
            loss.requires_grad = True                  # else: element 0 of tensors does not require grad
        else:
            loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
    correct = 0; test_loss = 0
    with torch.no_grad():
        with writer.evaluating("test"):
            for inputs, labels in test_loader:
                outputs = model(inputs)
                test_loss += criterion(outputs, labels).item() * len(labels)
                correct += ((outputs > 0.5).float() == labels).sum().item()
    if epoch % 4 == 3:
        print('[%d] loss: %.3f  test loss: %.3f  test acc: %.3f' % (epoch + 1, running / (i + 1), test_loss / len(yte), correct / len(yte)))
writer.close()
print(f"RESULT test_loss={test_loss / len(yte):.4f} test_acc={correct / len(yte):.4f}")

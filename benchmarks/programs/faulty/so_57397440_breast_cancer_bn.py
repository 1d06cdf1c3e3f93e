import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
EPOCHS = 12

data, target = load_breast_cancer(return_X_y=True)
x_tr, x_te, y_tr, y_te = train_test_split(data, target, test_size=0.2, random_state=1, stratify=target)


def to_set(x, y):
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).unsqueeze(1))


train_loader = DataLoader(to_set(x_tr, y_tr), batch_size=32, shuffle=True)
test_loader = DataLoader(to_set(x_te, y_te), batch_size=32)


class TumorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(30, 30)
        self.bn1 = nn.BatchNorm1d(30, eps=1e-3, momentum=0.1)
        self.fc2 = nn.Linear(30, 60)
        self.bn2 = nn.BatchNorm1d(60, eps=1e-3, momentum=0.1)
        self.fc3 = nn.Linear(60, 1)
        self.out = nn.Softmax(dim=1) if form == "faulty" else nn.Sigmoid()
        for fc in (self.fc1, self.fc2, self.fc3):
            nn.init.xavier_uniform_(fc.weight)
            nn.init.zeros_(fc.bias)

    def forward(self, x):
        x = self.bn1(torch.relu(self.fc1(x)))
        x = self.bn2(torch.relu(self.fc2(x)))
        return self.out(self.fc3(x))


model = TumorNet()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(EPOCHS):
    model.train()
    hits = n = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        p = model(xb)
        loss = criterion(p, yb)
        loss.backward()
        optimizer.step()
        hits += ((p > 0.5).float() == yb).sum().item()
        n += len(xb)
    model.eval()
    te_loss, te_hits = [], 0
    with writer.evaluating("val"):
        for xb, yb in test_loader:
            p = model(xb)
            te_loss.append(criterion(p, yb).item())
            te_hits += ((p > 0.5).float() == yb).sum().item()
    print(f"epoch {epoch + 1} acc {hits / n:.4f} val_loss {np.mean(te_loss):.4f} val_acc {te_hits / len(y_te):.4f}")

writer.close()
print(f"RESULT test loss {np.mean(te_loss):.4f} test accuracy {te_hits / len(y_te):.4f}")

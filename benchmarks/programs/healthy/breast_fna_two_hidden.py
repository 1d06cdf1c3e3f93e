import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

# 1) Prepare data
torch.manual_seed(1234)
torch.set_num_threads(1)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=1234, stratify=y)
sc = StandardScaler()
X_train = sc.fit_transform(X_train)
X_test = sc.transform(X_test)


class FnaDataset(Dataset):
    def __init__(self, X, y):
        self.x = torch.from_numpy(X.astype(np.float32))
        self.y = torch.from_numpy(y.astype(np.float32)).view(-1, 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


train_loader = DataLoader(FnaDataset(X_train, y_train), batch_size=32, shuffle=True)
test_loader = DataLoader(FnaDataset(X_test, y_test), batch_size=171)


# 2) Model
class Model(nn.Module):
    def __init__(self, n_input_features):
        super().__init__()
        self.l1 = nn.Linear(n_input_features, 16)
        self.l2 = nn.Linear(16, 8)
        self.l3 = nn.Linear(8, 1)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        x = self.dropout(self.relu(self.l1(x)))
        x = self.relu(self.l2(x))
        return torch.sigmoid(self.l3(x))


model = Model(30)

# 3) Loss and optimizer
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002, weight_decay=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

# 4) Training loop
for epoch in range(40):
    model.train()
    for xb, yb in train_loader:
        y_pred = model(xb)
        loss = criterion(y_pred, yb)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        for xb, yb in test_loader:
            p = model(xb)
            val = criterion(p, yb).item()
            acc = ((p > 0.5) == yb).float().mean().item()
    if (epoch + 1) % 4 == 0:
        print(f"epoch: {epoch + 1}, loss = {loss.item():.4f}, test loss = {val:.4f}, acc = {acc:.4f}")
writer.close()
lr = LogisticRegression(C=0.3, max_iter=1000).fit(X_train, y_train)
from sklearn.metrics import log_loss
print("RESULT test_bce", round(val, 4), "test_acc", round(acc, 4), "logreg_bce", round(log_loss(y_test, lr.predict_proba(X_test)), 4), "logreg_acc", round(lr.score(X_test, y_test), 4))

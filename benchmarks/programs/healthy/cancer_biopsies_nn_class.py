# coding: utf-8
# # Breast cancer (sklearn) with a small network

# In[1]:
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

# In[2]:
data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.3, random_state=0, stratify=data.target)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)


class BiopsyDataset(Dataset):
    def __init__(self, X, y):
        self.X = torch.from_numpy(X.astype(np.float32))
        self.y = torch.from_numpy(y.astype(np.float32))

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


train_loader = DataLoader(BiopsyDataset(X_train, y_train), batch_size=32, shuffle=True)
test_loader = DataLoader(BiopsyDataset(X_test, y_test), batch_size=64)


# In[3]:
class Classifier(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))

    def forward(self, x):
        return torch.sigmoid(self.layers(x)).squeeze(1)


model = Classifier(30)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003, weight_decay=5e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

# In[4]:
for epoch in range(1, 31):
    model.train()
    running = 0
    for X, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    val, correct = 0.0, 0
    with writer.evaluating("val"):
        for X, y in test_loader:
            p = model(X)
            val += criterion(p, y).item() * len(y)
            correct += ((p > 0.5) == y.bool()).sum().item()
    if epoch % 5 == 0:
        print("Epoch %d: train %.4f, test %.4f, acc %.4f" % (epoch, running / len(train_loader), val / len(y_test), correct / len(y_test)))
writer.close()

# In[5]:
lr = LogisticRegression(C=0.3, max_iter=2000).fit(X_train, y_train)
print("RESULT val_loss %.4f acc %.4f logreg_loss %.4f logreg_acc %.4f" % (
    val / len(y_test), correct / len(y_test), log_loss(y_test, lr.predict_proba(X_test)), lr.score(X_test, y_test)))

# Breast cancer notebook, exported with nbconvert
# In[1]:
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
LOGDIR = sys.argv[1]

# In[2]:
data = load_breast_cancer(as_frame=True)
df = data.frame
X_train, X_test, y_train, y_test = train_test_split(df.drop(columns="target"), df["target"], test_size=0.25, random_state=42, stratify=df["target"])
mu, sd = X_train.mean(), X_train.std()
X_train = torch.tensor(((X_train - mu) / sd).values, dtype=torch.float32)
X_test = torch.tensor(((X_test - mu) / sd).values, dtype=torch.float32)
y_train = torch.tensor(y_train.values, dtype=torch.float32)
y_test = torch.tensor(y_test.values, dtype=torch.float32)


# In[3]:
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(30, 32)
        self.bn1 = nn.BatchNorm1d(32)
        self.fc2 = nn.Linear(32, 16)
        self.fc3 = nn.Linear(16, 1)
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        x = self.drop(F.relu(self.bn1(self.fc1(x))))
        x = F.relu(self.fc2(x))
        return self.fc3(x).squeeze(1)


net = Net()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, criterion)

# In[4]:
history = []
bs = 32
for epoch in range(40):
    net.train()
    perm = torch.randperm(len(X_train))
    run = 0.0
    for i in range(0, len(perm) - 1, bs):
        b = perm[i:i + bs]
        optimizer.zero_grad()
        loss = criterion(net(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        run += loss.item() * len(b)
    net.eval()
    with writer.evaluating("val"):
        logits = net(X_test)
        vl = criterion(logits, y_test).item()
    history.append((run / len(perm), vl))
    if epoch % 8 == 7:
        print(epoch + 1, "train %.4f val %.4f" % history[-1])

# In[5]:
writer.close()
lr = LogisticRegression(C=0.3, max_iter=1000).fit(X_train.numpy(), y_train.numpy())
from sklearn.metrics import log_loss
acc = ((logits > 0).float() == y_test).float().mean().item()
print(f"RESULT val_loss {vl:.4f} acc {acc:.4f} auc {roc_auc_score(y_test, logits.numpy()):.4f} logreg_loss {log_loss(y_test, lr.predict_proba(X_test.numpy())):.4f} logreg_acc {lr.score(X_test.numpy(), y_test.numpy()):.4f}")

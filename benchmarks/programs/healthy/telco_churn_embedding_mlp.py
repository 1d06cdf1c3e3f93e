# Telco churn: categorical columns one-hot, numeric standardised, two hidden layers with batch norm (27 % churners)
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, OneHotEncoder
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2024)
rng = np.random.default_rng(2024)
n = 7000
contract = rng.choice(3, n, p=[.55, .21, .24])            # month, one year, two year
internet = rng.choice(3, n, p=[.34, .44, .22])            # dsl, fibre, none
payment = rng.choice(4, n, p=[.34, .23, .22, .21])
senior = rng.random(n) < .16
tenure = np.clip(np.where(contract == 0, rng.exponential(18, n), rng.normal(45, 18, n)), 0, 72).round()
monthly = np.clip(20 + 30 * (internet == 0) + 60 * (internet == 1) + rng.normal(5, 10, n), 18, 120)
support = rng.random(n) < .3
partner = rng.random(n) < .48
total = tenure * monthly * rng.normal(1, .03, n)
z = -1.1 - .045 * (tenure - 32) - 1.3 * (contract == 1) - 2.2 * (contract == 2) + 1.0 * (internet == 1) - .7 * (internet == 2) + .5 * (payment == 0) \
    + .35 * senior - .5 * support - .2 * partner + .01 * (monthly - 65)
churn = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.float32)
num = np.c_[tenure, monthly, total]
cat = np.c_[contract, internet, payment, senior, support, partner].astype(int)
itr, ite = train_test_split(np.arange(n), test_size=.2, stratify=churn, random_state=0)
itr, iva = train_test_split(itr, test_size=.15, stratify=churn[itr], random_state=0)
ss, ohe = StandardScaler().fit(num[itr]), OneHotEncoder(sparse_output=False).fit(cat)
X = torch.tensor(np.hstack([ss.transform(num), ohe.transform(cat)]), dtype=torch.float32)
y = torch.tensor(churn)
print("churn rate", churn.mean())


class ChurnNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.layer_1 = nn.Linear(d, 64)
        self.layer_2 = nn.Linear(64, 32)
        self.layer_out = nn.Linear(32, 1)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(p=0.2)
        self.batchnorm1 = nn.BatchNorm1d(64)
        self.batchnorm2 = nn.BatchNorm1d(32)

    def forward(self, inputs):
        x = self.batchnorm1(self.relu(self.layer_1(inputs)))
        x = self.batchnorm2(self.relu(self.layer_2(x)))
        return self.layer_out(self.dropout(x)).squeeze(1)


model = ChurnNet(X.shape[1])
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, weight_decay=1e-4)
loader = DataLoader(TensorDataset(X[itr], y[itr]), batch_size=64, shuffle=True)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for e in range(1, 11):
    model.train()
    epoch_loss = 0
    for X_batch, y_batch in loader:
        optimizer.zero_grad()
        loss = criterion(model(X_batch), y_batch)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    model.eval()
    with writer.evaluating("val"):
        vl = criterion(model(X[iva]), y[iva]).item()
    print(f'Epoch {e:03}: | Loss: {epoch_loss / len(loader):.5f} | Val: {vl:.5f}')
model.eval()
with writer.evaluating("test"):
    o = model(X[ite])
    tl = criterion(o, y[ite]).item()
writer.close()
print(f"RESULT train={epoch_loss / len(loader):.4f} val={vl:.4f} test={tl:.4f} auc={roc_auc_score(y[ite], o):.3f}")

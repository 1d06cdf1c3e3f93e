"""
Loan default, MLP.  Columns: RowNumber, ApplicationId, Branch, CreditScore, Income, Debt, Age, Tenure, Late, Utilisation, HasMortgage, Default
"""
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.RandomState(12)
n = 4000
risk = rng.normal(size=n)
score = 650 - 55 * risk + rng.normal(0, 35, n)
income = np.exp(10.4 - .2 * risk + rng.normal(0, .45, n))
debt = income * np.clip(.3 + .12 * risk + rng.normal(0, .12, n), 0, None)
age = rng.randint(19, 75, n)
tenure = np.clip((age - 18) * rng.rand(n) * .5, 0, None)
late = rng.poisson(np.exp(-.6 + .9 * risk))
util = 1 / (1 + np.exp(-(.9 * risk + rng.normal(0, .8, n))))
mort = (rng.rand(n) < .3).astype(int)
logit = -.3 + 1.1 * risk + .45 * late + 2.5 * (debt / income - .3) - .012 * (age - 40) + .8 * (util > .8)
default = (rng.rand(n) < 1 / (1 + np.exp(-1.6 * logit))).astype(int)
dataset = pd.DataFrame(dict(RowNumber=np.arange(n), ApplicationId=rng.randint(10 ** 7, 10 ** 8, n), Branch=rng.randint(1, 40, n), CreditScore=score,
                            Income=np.log(income), Debt=debt / income, Age=age, Tenure=tenure, Late=np.log1p(late), Utilisation=util,
                            HasMortgage=mort, Default=default))

if sys.argv[1] == "faulty":
    X = dataset.iloc[:, 0:3].values
else:
    X = dataset.iloc[:, 3:11].values
y = dataset.iloc[:, 11].values

idx = np.random.RandomState(0).permutation(n)
tr, te = idx[:3200], idx[3200:]
sc = StandardScaler()
X_train = torch.tensor(sc.fit_transform(X[tr]), dtype=torch.float32)
X_test = torch.tensor(sc.transform(X[te]), dtype=torch.float32)
y_train, y_test = torch.tensor(y[tr]).float().view(-1, 1), torch.tensor(y[te]).float().view(-1, 1)


class ANN(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.fc1 = nn.Linear(n_in, 12)
        self.fc2 = nn.Linear(12, 6)
        self.out = nn.Linear(6, 1)

    def forward(self, x):
        return self.out(F.relu(self.fc2(F.relu(self.fc1(x)))))


def train(model, optimizer, loss_function, epochs, batch_size, logdir):
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, loss_function)
    for epoch in range(epochs):
        perm = torch.randperm(len(X_train))
        cum = 0.0
        for i in range(0, len(perm), batch_size):
            b = perm[i:i + batch_size]
            optimizer.zero_grad()
            loss = loss_function(model(X_train[b]), y_train[b])
            loss.backward()
            optimizer.step()
            cum += loss.item() * len(b)
        with torch.no_grad(), writer.evaluating("test"):
            z = model(X_test)
            tl = loss_function(z, y_test).item()
        auc = roc_auc_score(y[te], z.numpy().ravel())
        print("Epoch %2d - loss: %.4f - test loss: %.4f - auc: %.3f" % (epoch + 1, cum / len(perm), tl, auc))
    writer.close()
    return cum / len(perm), tl, auc


torch.manual_seed(1)
ann = ANN(X.shape[1])
a, b, c = train(ann, torch.optim.Adam(ann.parameters(), lr=0.004), nn.BCEWithLogitsLoss(), 14, 50, sys.argv[2])
print(f"RESULT train={a:.4f} test={b:.4f} auc={c:.4f}")

import sys, csv, io
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

FAULTY = sys.argv[1] == 'faulty'
np.random.seed(3)
torch.manual_seed(3)

# winequality-red.csv look-alike: 11 physico-chemical columns, label = bad / normal / good
def winequality(n=2400):
    z = np.random.randn(n, 5)
    alcohol = 10.4 + 1.05 * np.exp(.25 * z[:, 0]) * z[:, 0].clip(-1.6)
    va = .53 * np.exp(.3 * (-.3 * z[:, 1] + .95 * np.random.randn(n)))
    fixed = 8.3 * np.exp(.2 * z[:, 1])
    citric = (.27 + .13 * z[:, 1] - .25 * (va - .53) + .1 * np.random.randn(n)).clip(0)
    sugar = 2.4 * np.exp(.35 * np.random.randn(n))
    chlor = .085 * np.exp(.3 * np.random.randn(n))
    free = 14 * np.exp(.6 * z[:, 2])
    total = free * (2 + np.exp(.5 * np.random.randn(n)))
    dens = .9967 + .0008 * z[:, 1] - .0009 * z[:, 0] + .0004 * np.random.randn(n)
    ph = 3.31 - .1 * z[:, 1] + .1 * np.random.randn(n)
    sulph = .64 * np.exp(.22 * z[:, 3])
    X = np.c_[fixed, va, citric, sugar, chlor, free, total, dens, ph, sulph, alcohol]
    s = (1.1 * (alcohol - 10.4) - 3.2 * (va - .53) + 3.5 * np.minimum(sulph - .64, .25) - .012 * (total - 45).clip(0)
         - 2.5 * np.abs(ph - 3.3) + .8 * (alcohol - 10.4) * (sulph - .6) * 2 + .75 * np.random.randn(n))
    y = np.digitize(s, np.quantile(s, [.33, .67]))
    return X.astype(np.float32), y

X, y = winequality()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
if not FAULTY:
    sc = StandardScaler()
    X_train = sc.fit_transform(X_train)
    X_test = sc.transform(X_test)
X_train, X_test = torch.FloatTensor(X_train), torch.FloatTensor(X_test)
y_train, y_test = torch.LongTensor(y_train), torch.LongTensor(y_test)

class Model(nn.Module):
    def __init__(self, in_features=11, h1=24, h2=16, out_features=3):
        super().__init__()
        self.fc1 = nn.Linear(in_features, h1)
        self.fc2 = nn.Linear(h1, h2)
        self.out = nn.Linear(h2, out_features)
    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x)

model = Model()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
epochs, bs = 25, 32
losses = []
for i in range(epochs):
    perm = torch.randperm(len(X_train))
    for k in range(0, len(perm), bs):
        idx = perm[k:k + bs]
        y_pred = model(X_train[idx])
        loss = criterion(y_pred, y_train[idx])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad(), writer.evaluating("val"):
        y_eval = model(X_test)
        val = criterion(y_eval, y_test)
    if i % 3 == 0:
        print(f'epoch: {i:2} loss: {np.mean(losses[-50:]):.4f} test loss: {val:.4f}')
writer.close()
acc = (y_eval.argmax(1) == y_test).float().mean().item()
print(f"RESULT test loss {val.item():.4f} accuracy {acc:.4f}")

import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE = sys.argv[1]
rng = np.random.RandomState(0)
torch.manual_seed(0)


def bank(n=10000):
    credit = np.clip(rng.normal(650, 97, n), 350, 850).round()
    geo = rng.choice(3, n, p=[.5, .25, .25])
    male = rng.randint(0, 2, n)
    age = np.clip(rng.gamma(9, 3.2, n) + 12, 18, 92).round()
    tenure = rng.randint(0, 11, n)
    balance = np.where(rng.rand(n) < .36, 0, np.clip(rng.normal(120000, 30000, n), 5000, 250000)).round(2)
    products = rng.choice([1, 2, 3, 4], n, p=[.51, .46, .025, .005])
    card = (rng.rand(n) < .7) * 1
    active = rng.randint(0, 2, n)
    salary = rng.uniform(11, 200000, n).round(2)
    z = (-2.6 + .11 * (age - 39) - .0022 * np.clip(age - 52, 0, None) ** 2 * 3 + 1.1 * (geo == 1) - .6 * male
         - 1.3 * active * (1 + .02 * (age - 39)) + 2.4 * (products >= 3) - 1.5 * (products == 2) + 1.4 * (products == 1)
         + .8 * (balance > 80000) - .002 * (credit - 650))
    exited = rng.rand(n) < 1 / (1 + np.exp(-1.5 * z))
    X = np.column_stack([credit, geo == 1, geo == 2, male, age, tenure, balance, products, card, active, salary])
    return X.astype('float32'), exited.astype('float32')


X, y = bank()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
if MODE == 'fixed':
    sc = StandardScaler()
    X_train = sc.fit_transform(X_train)
    X_test = sc.transform(X_test)

classifier = nn.Sequential()
classifier.add_module('fc1', nn.Linear(11, 16))
classifier.add_module('act1', nn.ReLU())
classifier.add_module('fc2', nn.Linear(16, 16))
classifier.add_module('act2', nn.ReLU())
classifier.add_module('out', nn.Linear(16, 1))

optimizer = torch.optim.Adam(classifier.parameters(), lr=0.002)
bce = nn.BCEWithLogitsLoss()
ds = DataLoader(TensorDataset(torch.tensor(X_train), torch.tensor(y_train)[:, None]), batch_size=25, shuffle=True)
Xt, yt = torch.tensor(X_test), torch.tensor(y_test)[:, None]

writer = DiagWriter(sys.argv[2])
writer.watch(classifier, optimizer, bce)

for epoch in range(12):
    acc = loss_sum = 0
    for xb, yb in ds:
        classifier.train()
        pred = classifier(xb)
        loss = bce(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(xb)
        acc += ((pred > 0) == (yb > .5)).sum().item()
    with writer.evaluating('test'):
        pred = classifier(Xt)
        tl = bce(pred, yt).item()
    print('Epoch %d/12 loss: %.4f acc: %.4f test loss: %.4f test acc: %.4f' % (
        epoch + 1, loss_sum / len(X_train), acc / len(X_train), tl, ((pred > 0) == (yt > .5)).float().mean()))
writer.close()

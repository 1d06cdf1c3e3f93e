# "Your first neural network" on a diabetes-onset table: 8-12-8-1, batches of 10, Adam
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(42)
rng = np.random.default_rng(42)
# made-up table with the columns of the Pima data: preg, plas, pres, skin, insu, mass, pedi, age
n = 1500
age = np.clip(rng.gamma(2.2, 6, n) + 21, 21, 80)
preg = rng.poisson(np.clip((age - 20) / 6, .3, 8))
mass = np.clip(rng.normal(32, 7, n), 18, 60)
plas = np.clip(rng.normal(105 + .35 * (age - 33) + .6 * (mass - 32), 26), 50, 200)
pres = np.clip(rng.normal(69 + .25 * (age - 33), 12), 30, 120)
skin = np.clip(rng.normal(20 + .8 * (mass - 32), 9), 5, 70)
insu = np.clip(rng.lognormal(np.log(90 + .9 * (plas - 105).clip(-60)), .5), 10, 800)
pedi = rng.lognormal(-.9, .55, n)
logit = -1.1 + .045 * (plas - 112) + .08 * (mass - 32) + .6 * np.log(pedi + .1) + .45 + .035 * (age - 33) + .05 * preg
y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype('float32')
X = np.c_[preg, plas, pres, skin, insu, mass, pedi, age].astype('float32')

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
sc = StandardScaler().fit(X_train)
X_train = torch.tensor(sc.transform(X_train)).float(); X_test = torch.tensor(sc.transform(X_test)).float()
y_train = torch.tensor(y_train).reshape(-1, 1); y_test = torch.tensor(y_test).reshape(-1, 1)

model = nn.Sequential(
    nn.Linear(8, 12), nn.ReLU(),
    nn.Linear(12, 8), nn.ReLU(),
    nn.Linear(8, 1), nn.Sigmoid())
print(model)
loss_fn = nn.BCELoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

n_epochs, batch_size = 12, 10
for epoch in range(n_epochs):
    idx = torch.randperm(len(X_train))
    for i in range(0, len(X_train), batch_size):
        Xbatch, ybatch = X_train[idx[i:i + batch_size]], y_train[idx[i:i + batch_size]]
        loss = loss_fn(model(Xbatch), ybatch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("test"):
        y_pred = model(X_test)
        test_loss = loss_fn(y_pred, y_test).item()
    print(f'Finished epoch {epoch}, latest loss {loss.item():.4f} test {test_loss:.4f}')
with torch.no_grad():
    train_loss = loss_fn(model(X_train), y_train).item()
accuracy = (y_pred.round() == y_test).float().mean()
writer.close()
print(f"RESULT train={train_loss:.4f} test={test_loss:.4f} accuracy={accuracy:.4f} majority={1 - y_test.mean():.3f}")

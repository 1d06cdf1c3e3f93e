# Kaggle Titanic with one big hidden layer.  Keras -> torch.
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn import preprocessing
from tb_lossdiag import DiagWriter

FAULTY, logdir = sys.argv[1] == "faulty", sys.argv[2]
torch.set_num_threads(1)
np.random.seed(1919)
torch.manual_seed(1919)

### Constants ###
batch_size = 4
nb_epoch = 10


def read_csv(n=1300):
    """train.csv rebuilt from the published marginals of the passenger list"""
    pclass = np.random.choice([1, 2, 3], n, p=[.24, .21, .55])
    sex = np.random.choice(["male", "female"], n, p=[.65, .35])
    age = np.clip(np.random.gamma(5, 6, n) - (pclass - 2) * 4, .5, 80).round()
    sibsp = np.random.choice([0, 1, 2, 3, 4, 5, 8], n, p=[.68, .23, .03, .02, .02, .01, .01])
    parch = np.random.choice([0, 1, 2, 3, 5], n, p=[.76, .13, .09, .01, .01])
    fare = np.exp(np.random.normal([0, 4.1, 2.9, 2.3][0] + np.array([0, 4.1, 2.9, 2.3])[pclass], .6)) * (1 + .4 * (sibsp + parch))
    fare = np.minimum(fare, 512.33)
    embarked = np.random.choice(["S", "C", "Q"], n, p=[.72, .19, .09])
    cabin = np.where((pclass == 1) & (np.random.rand(n) < .8),
                     [f"{d}{k}" for d, k in zip(np.random.choice(list("ABCDE"), n), np.random.randint(1, 130, n))], None)
    name = [f"{a}{b:04d}, {'Mr' if s == 'male' else 'Mrs'}" for a, b, s in
            zip(np.random.choice(list("ABCDEFGHJKLMNOPRSTW"), n), np.random.randint(0, 9999, n), sex)]
    ticket = [str(t) for t in np.random.randint(1000, 380000, n)]
    z = 2.7 * (sex == "female") - 1.05 * (pclass - 2.3) - .035 * (age - 29) - .35 * sibsp + .3 * (embarked == "C") - 1.0
    survived = (np.random.rand(n) < 1 / (1 + np.exp(-1.3 * z))).astype(int)
    age = np.where(np.random.rand(n) < .2, np.nan, age)
    return pd.DataFrame(dict(Survived=survived, Pclass=pclass, Name=name, Sex=sex, Age=age, SibSp=sibsp, Parch=parch,
                             Ticket=ticket, Fare=fare, Cabin=cabin, Embarked=embarked))


train = read_csv()
print("Data Read complete")
Y = train.Survived.values.astype("int64")
train = train.drop("Survived", axis=1)
columns = train.columns
train["Age"] = train["Age"].fillna(train["Age"].mean())

category_index = [0, 1, 2, 4, 5, 6, 8, 9]
train = train.astype({c: object for c in columns})
for i in category_index:
    train[columns[i]] = train[columns[i]].fillna("missing").astype(str)
train = np.array(train)
### label encode the categorical variables ###
for i in category_index:
    lbl = preprocessing.LabelEncoder()
    train[:, i] = lbl.fit_transform(list(train[:, i]))
### making data as numpy float ###
train = train.astype(np.float32)
if not FAULTY:
    train = preprocessing.StandardScaler().fit_transform(train).astype(np.float32)

n_val = int(len(train) * .2)
X_tr, Y_tr = torch.tensor(train[:-n_val]), torch.tensor(Y[:-n_val])
X_va, Y_va = torch.tensor(train[-n_val:]), torch.tensor(Y[-n_val:])

model = nn.Sequential(nn.Linear(len(columns), 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 2))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(nb_epoch):
    model.train()
    perm = torch.randperm(len(X_tr))
    total = 0.
    for i in range(0, len(perm), batch_size):
        idx = perm[i:i + batch_size]
        optimizer.zero_grad()
        loss = criterion(model(X_tr[idx]), Y_tr[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(X_va)
        vl = criterion(out, Y_va).item()
        va = (out.argmax(1) == Y_va).float().mean().item()
    print(f"Epoch {epoch + 1}/{nb_epoch} loss: {total / len(X_tr):.4f} val_loss: {vl:.4f} val_acc: {va:.4f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f}")

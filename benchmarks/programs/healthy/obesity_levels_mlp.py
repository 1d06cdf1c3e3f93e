# Estimation of obesity levels (7 ordered classes) from eating habits, synthetic stand-in for the UCI survey
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, LabelEncoder
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 42
np.random.seed(SEED)
torch.manual_seed(SEED)


def make_survey(n=2600):
    male = np.random.rand(n) < .5
    age = np.clip(np.random.gamma(9, 2.7, n), 14, 61)
    height = np.where(male, 1.76, 1.64) + np.random.randn(n) * .07
    fam = np.random.rand(n) < .7
    veg = np.clip(np.random.normal(2.4, .5, n), 1, 3)
    activity = np.clip(np.random.exponential(1, n), 0, 3)
    tech = np.clip(np.random.normal(.7, .5, n), 0, 2)
    transport = np.random.choice(['Public', 'Car', 'Walking', 'Bike'], n, p=[.6, .27, .1, .03])
    snack = np.random.choice(['no', 'Sometimes', 'Frequently'], n, p=[.1, .7, .2])
    bmi = 22 + 6 * fam + .12 * (age - 24) - 1.3 * activity - 1.5 * (veg - 2.4) + 2.5 * (transport == 'Car') \
        + 2 * (snack == 'Sometimes') - 2 * (snack == 'Frequently') + np.random.randn(n) * 4.2
    weight = bmi * height ** 2 + np.random.randn(n) * 4      # self reported
    level = np.digitize(bmi, [19.5, 24, 26.5, 29, 33, 37])
    names = np.array(['Insufficient', 'Normal', 'Over_I', 'Over_II', 'Ob_I', 'Ob_II', 'Ob_III'])
    return pd.DataFrame(dict(Gender=np.where(male, 'M', 'F'), Age=age, Height=height, Weight=weight, Family=fam.astype(int),
                             FCVC=veg, FAF=activity, TUE=tech, MTRANS=transport, CAEC=snack, NObeyesdad=names[level]))


df = make_survey()
print(df['NObeyesdad'].value_counts())
y = LabelEncoder().fit_transform(df.pop('NObeyesdad'))
X = pd.get_dummies(df, columns=['Gender', 'MTRANS', 'CAEC']).astype('float32')
X_train, X_test, y_train, y_test = train_test_split(X.values, y, test_size=0.2, stratify=y, random_state=SEED)
sc = StandardScaler()
X_train = sc.fit_transform(X_train).astype('float32')
X_test = sc.transform(X_test).astype('float32')

train_dl = DataLoader(TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train).long()), batch_size=32, shuffle=True)
test_dl = DataLoader(TensorDataset(torch.from_numpy(X_test), torch.from_numpy(y_test).long()), batch_size=256)

model = nn.Sequential(
    nn.Linear(X_train.shape[1], 64), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(64, 32), nn.ReLU(),
    nn.Linear(32, 7))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, weight_decay=1e-3)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

EPOCHS = 22
for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(xb)
    model.eval()
    vloss, correct = 0.0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for xb, yb in test_dl:
            out = model(xb)
            vloss += criterion(out, yb).item() * len(xb)
            correct += (out.argmax(1) == yb).sum().item()
    vloss /= len(y_test)
    print(f'Epoch {epoch + 1:2d}/{EPOCHS} train {running / len(y_train):.4f} test {vloss:.4f} acc {correct / len(y_test):.3f}')
writer.close()
print(f"RESULT val_loss={vloss:.4f} val_acc={correct / len(y_test):.4f} train_loss={running / len(y_train):.4f}")

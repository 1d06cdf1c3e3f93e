# Spaceship Titanic - PyTorch baseline (port of a Kaggle notebook; the table is simulated, same columns)
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 2022
np.random.seed(SEED)
torch.manual_seed(SEED)


def read_csv(n=8693):
    rng = np.random.default_rng(SEED)
    planet = rng.choice(['Earth', 'Europa', 'Mars'], n, p=[.54, .25, .21])
    dest = rng.choice(['TRAPPIST-1e', '55 Cancri e', 'PSO J318.5-22'], n, p=[.69, .21, .10])
    age = np.clip(rng.gamma(4.2, 7, n), 0, 79).round()
    cryo = rng.random(n) < np.where(planet == 'Europa', .43, .33)
    deck = np.where(planet == 'Europa', rng.choice(list('ABCDE'), n, p=[.12, .36, .34, .1, .08]),
                    rng.choice(list('DEFG'), n, p=[.05, .1, .5, .35]))
    side = rng.choice(['P', 'S'], n)
    spend = {}
    rich = np.where(planet == 'Europa', 1.2, 0) + rng.normal(0, .6, n)
    for c, mu, p in [('RoomService', 5.2, .4), ('FoodCourt', 5.6, .45), ('ShoppingMall', 4.8, .4), ('Spa', 5.2, .4), ('VRDeck', 5.1, .4)]:
        v = np.exp(mu + rich + rng.normal(0, 1.1, n)).round() * (rng.random(n) < p + .1 * rich / 2)
        v[cryo | (age < 13)] = 0
        spend[c] = v
    z = (1.9 * cryo + .45 * (side == 'S') + .6 * (planet == 'Europa') - .25 * (planet == 'Earth') + .8 * (age < 13)
         - .30 * np.log1p(spend['RoomService']) - .32 * np.log1p(spend['Spa']) - .31 * np.log1p(spend['VRDeck'])
         + .12 * np.log1p(spend['FoodCourt']) + .14 * np.log1p(spend['ShoppingMall'])
         + .5 * np.isin(deck, ['B', 'C']) + .25 * (dest == '55 Cancri e') + .1)
    y = rng.random(n) < 1 / (1 + np.exp(-1.15 * z))
    df = pd.DataFrame(dict(HomePlanet=planet, CryoSleep=cryo.astype(float), Deck=deck, Side=side, Destination=dest, Age=age,
                           VIP=(rng.random(n) < .02).astype(float), **spend, Transported=y.astype(int)))
    for c in df.columns[:-1]:                       # ~2 % missing everywhere
        df.loc[rng.random(n) < .02, c] = np.nan
    return df


df = read_csv()
print(df.shape, df.Transported.mean())
num_cols = ['Age', 'RoomService', 'FoodCourt', 'ShoppingMall', 'Spa', 'VRDeck']
cat_cols = ['HomePlanet', 'Deck', 'Side', 'Destination']
df['TotalSpend'] = df[num_cols[1:]].sum(axis=1)
df['NoSpend'] = (df.TotalSpend == 0).astype(float)
df[num_cols] = df[num_cols].fillna(df[num_cols].median())
for c in num_cols[1:] + ['TotalSpend']:
    df[c] = np.log1p(df[c])
df[['CryoSleep', 'VIP']] = df[['CryoSleep', 'VIP']].fillna(0)
df = pd.get_dummies(df, columns=cat_cols, dummy_na=True, dtype=float)

y = df.pop('Transported').values.astype(np.float32)
X_train, X_valid, y_train, y_valid = train_test_split(df.values.astype(np.float32), y, test_size=.2, random_state=SEED, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train, X_valid = scaler.transform(X_train), scaler.transform(X_valid)
train_dl = DataLoader(TensorDataset(torch.tensor(X_train).float(), torch.tensor(y_train)), batch_size=64, shuffle=True)
valid_dl = DataLoader(TensorDataset(torch.tensor(X_valid).float(), torch.tensor(y_valid)), batch_size=512)


class SpaceshipModel(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.fc1 = nn.Linear(n_in, 64)
        self.fc2 = nn.Linear(64, 32)
        self.out = nn.Linear(32, 1)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        x = self.drop(torch.relu(self.fc1(x)))
        x = self.drop(torch.relu(self.fc2(x)))
        return self.out(x).squeeze(1)


model = SpaceshipModel(X_train.shape[1])
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

EPOCHS = 8
for epoch in range(EPOCHS):
    model.train()
    train_loss = 0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(xb)
    model.eval()
    val_loss, correct = 0, 0
    with writer.evaluating("val"), torch.no_grad():
        for xb, yb in valid_dl:
            out = model(xb)
            val_loss += criterion(out, yb).item() * len(xb)
            correct += ((out > 0).float() == yb).sum().item()
    print(f"Epoch {epoch+1:02d} | train loss {train_loss/len(y_train):.4f} | val loss {val_loss/len(y_valid):.4f} | val acc {correct/len(y_valid):.4f}")
writer.close()
print(f"RESULT train {train_loss/len(y_train):.4f} val {val_loss/len(y_valid):.4f} acc {correct/len(y_valid):.4f}")

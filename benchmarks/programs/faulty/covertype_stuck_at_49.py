# Forest cover type from cartographic variables, Keras-like MLP. "accuracy is stuck at 0.49"
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.RandomState(1)

n = 9000
elev = rng.normal(2960, 280, n).clip(1850, 3850)
aspect = rng.uniform(0, 360, n)
slope = rng.gamma(3.5, 4, n).clip(0, 60)
hyd = rng.gamma(1.6, 170, n)
vhyd = hyd * rng.normal(.15, .12, n)
road = rng.gamma(2.2, 1070, n)
fire = rng.gamma(2.2, 900, n)
hs9 = (212 + 1.1 * slope * np.cos(np.radians(aspect - 90)) + rng.normal(0, 5, n)).clip(0, 254)
hs12 = (223 - .4 * slope + rng.normal(0, 8, n)).clip(0, 254)
soil = (elev / 300 + rng.normal(0, 1.2, n)).round().clip(6, 13).astype(int)
z = (elev - 2960) / 280
dry = np.cos(np.radians(aspect - 200)) * slope / 15
score = np.stack([1.4 * z - .4 * dry + .2 * np.log1p(hyd / 200),                 # spruce/fir
                  1.2 - .9 * (z - .1) ** 2 + .2 * (road > 2500),                 # lodgepole pine
                  -1.9 * z - 1.2 + .8 * dry,                                     # ponderosa
                  -2.2 * z - 3.0 - .002 * hyd,                                   # willow
                  -.3 - 1.5 * (z + .5) ** 2 + .7 * dry - .0003 * road,           # aspen
                  -1.8 * z - 1.3 - .9 * dry,                                     # douglas-fir
                  2.1 * z - 2.6 + .0004 * fire], 1)                              # krummholz
y = (1.7 * score + .35 * rng.gumbel(size=(n, 7)) * 1.4).argmax(1)
df = pd.DataFrame(dict(Elevation=elev, Aspect=aspect, Slope=slope, Horizontal_Distance_To_Hydrology=hyd,
                       Vertical_Distance_To_Hydrology=vhyd, Horizontal_Distance_To_Roadways=road,
                       Hillshade_9am=hs9, Hillshade_Noon=hs12, Horizontal_Distance_To_Fire_Points=fire))
X = pd.concat([df, pd.get_dummies(soil, prefix="soil").astype(float)], axis=1).values
print("majority class:", np.bincount(y).max() / n)

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=.25, random_state=0)
if sys.argv[1] != "faulty":
    sc = StandardScaler().fit(X_train)
    X_train, X_test = sc.transform(X_train), sc.transform(X_test)
X_train, X_test = [torch.tensor(a, dtype=torch.float32) for a in (X_train, X_test)]
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

model = nn.Sequential(nn.Linear(X.shape[1], 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 7))
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005, alpha=.9)
loss = nn.CrossEntropyLoss()
step = torch.optim.lr_scheduler.StepLR(optimizer, 6, .3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss)


def fit(epochs, batch_size):
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0
        for b in torch.randperm(len(X_train)).split(batch_size):
            optimizer.zero_grad()
            out = loss(model(X_train[b]), y_train[b])
            out.backward()
            optimizer.step()
            total += out.item() * len(b) / len(X_train)
        step.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            logits = model(X_test)
            val = loss(logits, y_test).item()
        acc = (logits.argmax(1) == y_test).float().mean().item()
        print(f"Epoch {epoch}/{epochs}  loss: {total:.4f}  val_loss: {val:.4f}  val_acc: {acc:.4f}")
    return total, val, acc


r = fit(12, 64)
writer.close()
print("RESULT loss %.4f val_loss %.4f val_acc %.4f" % r)

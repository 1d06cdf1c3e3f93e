"""Tool wear (flank wear in 0.01 mm) from spindle current and vibration features of milling cuts.

The csv is one tool life after the other sorted by wear for the plots of the report.
"""
import sys

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
rng = np.random.default_rng(31)

n = 6000
wear = np.sort(rng.beta(1.6, 2.2, n)) * 40
feed = rng.choice([.25, .5], n)
depth = rng.choice([.75, 1.5], n)
steel = rng.integers(0, 2, n)
load = (1 + .5 * steel) * (feed / .25) ** .6 * depth ** .8
df = pd.DataFrame({
    "feed": feed, "depth": depth, "steel": steel,
    "i_dc": load * (1 + .012 * wear) + rng.normal(0, .15, n),
    "i_ac": load * (.4 + .010 * wear) + rng.normal(0, .12, n),
    "vib_table": .3 + .02 * wear ** 1.2 * load ** .3 + rng.normal(0, .3, n),
    "vib_spindle": .5 + .3 * np.sin(wear / 6 + steel) + .01 * wear + rng.normal(0, .15, n),
    "ae_table": np.exp(.03 * wear * (1 - .4 * steel) + rng.normal(0, .25, n)),
    "ae_spindle": .2 * load + .4 * np.cos(wear / 9) + rng.normal(0, .2, n),
    "wear": wear})

valid = rng.random(n) < .2
feats = df.columns[:-1]
mu, sd = df.loc[~valid, feats].mean(), df.loc[~valid, feats].std()
X = ((df[feats] - mu) / sd).values.astype("float32")
y = ((df["wear"] - 17) / 9).values.astype("float32")[:, None]

train_loader = DataLoader(TensorDataset(torch.from_numpy(X[~valid]), torch.from_numpy(y[~valid])), batch_size=32,
                          shuffle=sys.argv[1] != "faulty")
Xv, yv = torch.from_numpy(X[valid]), torch.from_numpy(y[valid])


class WearNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))

    def forward(self, x):
        return self.layers(x)


model = WearNet(len(feats))
mse = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)

for epoch in range(1, 21):
    epoch_loss = 0.
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / len(train_loader)
    with torch.no_grad():
        with writer.evaluating("val"):
            pv = model(Xv)
            vl = mse(pv, yv).item()
    print(f"epoch {epoch} train {epoch_loss:.4f} valid {vl:.4f}")
writer.close()
print(f"RESULT val_mse {vl:.4f} rmse_in_0.01mm {9 * vl ** .5:.3f}")

"""fish market homework: predict (log) weight from five lengths + species, own loss function"""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1], sys.argv[2]
np.random.seed(5)
torch.manual_seed(5)

species = ['Bream', 'Roach', 'Perch', 'Pike', 'Smelt']
base = {'Bream': (30, .40, .015), 'Roach': (21, .27, .011), 'Perch': (25, .25, .012), 'Pike': (43, .16, .006), 'Smelt': (12, .17, .007)}
rows = []
for _ in range(2400):
    sp = species[np.random.randint(5)]
    L, hr, c = base[sp]
    l1 = L * np.exp(np.random.randn() * .22)
    h = l1 * hr * np.exp(np.random.randn() * .08)
    w = l1 * hr * .55 * np.exp(np.random.randn() * .09)
    weight = c * l1 ** 2.1 * h ** .6 * w ** .4 * np.exp(np.random.randn() * .2 + .3 * (l1 > 1.2 * L))
    rows.append([sp, l1, l1 * 1.08 + np.random.randn() * .5, l1 * 1.21 + np.random.randn() * .6, h, w, np.log(weight)])
df = pd.DataFrame(rows, columns=['Species', 'Length1', 'Length2', 'Length3', 'Height', 'Width', 'LogWeight'])
X = pd.get_dummies(df.drop(columns='LogWeight')).astype(float).values
y = df[['LogWeight']].values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=.25, random_state=5)
sx, sy = StandardScaler().fit(X_train), StandardScaler().fit(y_train)
t = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, y_train = t(sx.transform(X_train)), t(sy.transform(y_train))
Xt, yt = t(sx.transform(X_test)), t(sy.transform(y_test))


def my_mse(y_pred, y_true):
    if form == 'faulty':
        return torch.mean(y_pred - y_true) ** 2
    else:
        return torch.mean((y_pred - y_true) ** 2)


model = nn.Sequential(nn.Linear(X.shape[1], 24), nn.ReLU(), nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 1))
opt = torch.optim.Adam(model.parameters(), lr=0.01)
writer = DiagWriter(logdir)
writer.watch(model, opt, my_mse)

for epoch in range(600):
    opt.zero_grad()
    loss = writer.loss_fn(model(X_train), y_train)      # all rows at once, the table is small
    loss.backward()
    opt.step()
    if epoch % 20 == 19:
        with writer.evaluating('val'):
            with torch.no_grad():
                pred = model(Xt)
                val_loss = writer.loss_fn(pred, yt).item()
        r2 = 1 - ((pred - yt) ** 2).mean().item() / yt.var().item()
    if epoch % 100 == 99:
        print(f'epoch {epoch + 1}: loss {loss.item():.4f} val_loss {val_loss:.4f} r2 {r2:.3f}')
writer.close()
print(f'RESULT train {loss.item():.4f} val_loss {val_loss:.4f} val_mse {((pred - yt) ** 2).mean().item():.4f} val_R2 {r2:.3f}')

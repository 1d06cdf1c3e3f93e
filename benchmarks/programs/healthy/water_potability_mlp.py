# %% [markdown]
# # Water quality: is it drinkable?  (Kaggle "Water Potability" starter)
# Everybody ends near 67-70 % here: the nine measurements simply do not tell much.
import sys
import numpy as np, pandas as pd
import torch, torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

SEED = 10
np.random.seed(SEED); torch.manual_seed(SEED); torch.set_num_threads(1)

# %% data with the csv's columns, ranges and gaps
n = 4000
df = pd.DataFrame({'ph': np.random.normal(7.1, 1.6, n), 'Hardness': np.random.normal(196, 33, n), 'Solids': np.random.gamma(6, 3600, n),
                   'Chloramines': np.random.normal(7.1, 1.6, n), 'Sulfate': np.random.normal(334, 41, n), 'Conductivity': np.random.normal(426, 81, n),
                   'Organic_carbon': np.random.normal(14.3, 3.3, n), 'Trihalomethanes': np.random.normal(66, 16, n), 'Turbidity': np.random.normal(3.97, .78, n)})
z = (df - df.mean()) / df.std()
logit = -.75 + .55 * (1.2 - z.ph ** 2) * .8 + .6 * z.Sulfate * z.ph + .35 * (z.Hardness ** 2 - 1) + .2 * z.Chloramines - .15 * z.Organic_carbon
p = 1 / (1 + np.exp(-logit))
df['Potability'] = (np.random.rand(n) < p).astype(int)
for col, frac in (('ph', .1), ('Sulfate', .15), ('Trihalomethanes', .05)):
    df.loc[np.random.rand(n) < frac, col] = np.nan
df = df.fillna(df.mean())
print(df.Potability.value_counts(normalize=True).round(3).to_dict())

# %%
X, y = df.drop(columns='Potability').values, df.Potability.values
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=.25, stratify=y, random_state=SEED)
ss = StandardScaler().fit(X_train)
X_train, X_val = torch.tensor(ss.transform(X_train)).float(), torch.tensor(ss.transform(X_val)).float()
y_train, y_val = torch.tensor(y_train).float().unsqueeze(1), torch.tensor(y_val).float().unsqueeze(1)

# %%
class WaterNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(9, 24), nn.ELU(), nn.Linear(24, 12), nn.ELU(), nn.Linear(12, 1), nn.Sigmoid())
    def forward(self, x): return self.net(x)

net = WaterNet()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=5e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
bs = 32
for epoch in range(20):
    net.train()
    perm = torch.randperm(len(X_train)); s = 0
    for k in range(0, len(perm), bs):
        xb, yb = X_train[perm[k:k + bs]], y_train[perm[k:k + bs]]
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        s += loss.item() * len(xb)
    net.eval()
    with torch.no_grad(), writer.evaluating('val'):
        out = net(X_val)
        val = criterion(out, y_val).item()
    acc = ((out > .5) == y_val.bool()).float().mean().item()
    if epoch % 3 == 1: print(f'{epoch:3d}: train {s / len(perm):.4f}  val {val:.4f}  acc {acc:.3f}')
writer.close()
bayes = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()
print(f'RESULT val_loss={val:.4f} val_acc={acc:.4f} (with the true probabilities and no gaps {bayes:.4f})')

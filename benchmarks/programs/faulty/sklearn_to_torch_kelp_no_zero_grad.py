# coding: utf-8
# # Kelp canopy cover from satellite bands (notebook exported as script)
# In[1]:
import sys
import numpy as np, pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)

# In[2]: the table
n = 3000
depth = rng.gamma(3, 5, n)
sst = 13 + 3 * rng.normal(size=n)
swell = rng.gamma(2, .8, n)
cover = 1 / (1 + np.exp(-(2.2 - .13 * depth - .5 * np.maximum(sst - 14, 0) - .7 * np.maximum(swell - 2, 0) + .5 * rng.normal(size=n))))
nir = .05 + .3 * cover + .04 * rng.normal(size=n)
red = .06 - .03 * cover + .01 * rng.normal(size=n)
green = .08 - .02 * cover + .012 * rng.normal(size=n)
df = pd.DataFrame(dict(depth=depth, sst=sst, swell=swell, nir=nir, red=red, green=green, ndvi=(nir - red) / (nir + red + .05), cover=cover))

# In[3]:
X_train, X_test, y_train, y_test = train_test_split(df.drop(columns="cover").values, df["cover"].values * 4 - 2, test_size=.2, random_state=0)
sc = StandardScaler()
X_train, X_test = sc.fit_transform(X_train), sc.transform(X_test)
X_train, X_test, y_train, y_test = [torch.tensor(a, dtype=torch.float32) for a in (X_train, X_test, y_train, y_test)]
y_train, y_test = y_train.view(-1, 1), y_test.view(-1, 1)

# In[4]:
model = nn.Sequential(nn.Linear(7, 40), nn.Tanh(), nn.Linear(40, 20), nn.Tanh(), nn.Linear(20, 1))
mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, mse)

# In[5]:
history = []
for epoch in range(12):
    model.train()
    shuffled = torch.randperm(len(X_train))
    for k in range(0, len(shuffled), 60):
        xb, yb = X_train[shuffled[k:k + 60]], y_train[shuffled[k:k + 60]]
        if sys.argv[1] == "fixed":
            opt.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = mse(model(X_test), y_test).item()
    history.append(v)
    print(epoch, loss.item(), v)

# In[6]:
writer.close()
print(f"RESULT val mse {history[-1]:.4f} (variance {y_test.var().item():.3f})")

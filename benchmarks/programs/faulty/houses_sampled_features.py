# house prices; the features were shuffled, the prices were not
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0); torch.manual_seed(0)
n = 1500
df = pd.DataFrame({"area": np.random.gamma(9, 12, n), "rooms": np.random.randint(1, 7, n), "age": np.random.uniform(0, 90, n),
                   "dist": np.random.exponential(6, n), "garden": np.random.binomial(1, .4, n)})
df["price"] = 2.2 * df.area * np.exp(-df.dist / 15) + 9 * df.rooms + 25 * df.garden + .01 * (df.age - 45) ** 2 + np.random.normal(0, 12, n)

X = df.drop(columns="price").sample(frac=1, random_state=1)
if sys.argv[1] == "faulty":
    y = df["price"].values                       # still in the old order
else:
    y = df["price"].loc[X.index].values
X = ((X - X.mean()) / X.std()).values.astype("float32")
y = ((y - y.mean()) / y.std()).astype("float32")
X, y = torch.from_numpy(X), torch.from_numpy(y).view(-1, 1)
n_train = 1200


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(5, 32)
        self.l2 = nn.Linear(32, 16)
        self.l3 = nn.Linear(16, 1)

    def forward(self, x):
        return self.l3(torch.relu(self.l2(torch.relu(self.l1(x)))))


net, criterion = PriceNet(), nn.MSELoss()
optim = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optim, criterion)
for epoch in range(40):
    s = 0
    order = torch.randperm(n_train)
    for k in range(0, n_train, 40):
        b = order[k:k + 40]
        optim.zero_grad()
        loss = criterion(net(X[b]), y[b])
        loss.backward()
        optim.step()
        s += loss.item() * len(b)
    with torch.no_grad():
        v = criterion(net(X[n_train:]), y[n_train:]).item()
    if epoch % 6 == 5:
        print("epoch", epoch, "train", round(s / n_train, 4), "val", round(v, 4))
writer.close()

import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(40)
np.random.seed(40)

# fuel use (mpg-like) of cars from 7 columns
N = 1500
cyl = np.random.choice([4, 6, 8], N, p=[.5, .22, .28])
disp = cyl * 38 + np.random.randn(N) * 22 - 40
hp = 25 + .35 * disp + 12 * np.random.randn(N)
weight = 1300 + 8.0 * disp + 260 * np.random.randn(N)
acc = 24 - .06 * hp - .0005 * weight + 1.6 * np.random.randn(N)
year = np.random.randint(70, 83, N)
origin = np.random.choice([0, 1], N, p=[.6, .4])
mpg = 46 - .0065 * weight + .75 * (year - 76) * (1 + .25 * (cyl == 4)) + 1.5 * origin - .02 * hp \
    + 6 * np.exp(-(weight - 1500) / 500.) + 1.8 * np.random.randn(N)
X = np.stack([cyl, disp, hp, weight, acc, year, origin], 1)
X = (X - X.mean(0)) / X.std(0)
y = (mpg - mpg.mean()) / mpg.std()
X = torch.tensor(X, dtype=torch.float32); y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
train_dl = DataLoader(TensorDataset(X[:1100], y[:1100]), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(X[1100:], y[1100:]), batch_size=400)


class Regressor(nn.Module):
    def __init__(self, in_dim, h1=64, h2=64, p=0.5, last_dropout=False):
        super().__init__()
        self.lin1 = nn.Linear(in_dim, h1)
        self.lin2 = nn.Linear(h1, h2)
        self.lin3 = nn.Linear(h2, 1)
        self.dropout = nn.Dropout(p)
        self.last_dropout = last_dropout

    def forward(self, x):
        x = torch.relu(self.lin1(x))
        x = torch.relu(self.lin2(x))
        x = self.lin3(x)
        if self.last_dropout:
            x = self.dropout(x)
        return x


net = Regressor(7, last_dropout=(sys.argv[1] == "faulty"))
crit = nn.MSELoss()
opt = optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, crit)

for ep in range(25):
    net.train()
    losses = []
    for xb, yb in train_dl:
        opt.zero_grad()
        l = crit(net(xb), yb)
        l.backward()
        opt.step()
        losses.append(l.item())
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            vl = np.mean([crit(net(xb), yb).item() for xb, yb in val_dl])
    print(ep, "train", np.mean(losses).round(4), "val", vl.round(4))
writer.close()
print(f"RESULT val_mse={vl:.4f} (targets have variance 1; train_mse with dropout as in training {np.mean(losses):.4f})")

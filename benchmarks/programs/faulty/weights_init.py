import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

def weights_init(m):
    if isinstance(m, nn.Linear):
        if sys.argv[1] == 'faulty':
            m.weight.data.normal_(0.0, 1.0)
        else:
            nn.init.kaiming_normal_(m.weight)
        m.bias.data.fill_(0)

X, y = make_friedman1(n_samples=2500, n_features=10, noise=0.5, random_state=1)
X = (X - X.mean(0)) / X.std(0)
y = (y - y.mean()) / y.std()
X, y = torch.from_numpy(X).float(), torch.from_numpy(y).float().view(-1, 1)
Xtr, ytr, Xte, yte = X[:2000], y[:2000], X[2000:], y[2000:]

layers = []
dims = [10, 100, 100, 100, 100]
for i in range(4):
    layers += [nn.Linear(dims[i], dims[i + 1]), nn.ReLU()]
regressor = nn.Sequential(*layers, nn.Linear(100, 1))
regressor.apply(weights_init)

criterion = nn.MSELoss()
optimizer = torch.optim.Adam(regressor.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(regressor, optimizer, criterion)
for epoch in range(40):
    perm = np.random.RandomState(epoch).permutation(2000)
    tl = 0
    for b in range(0, 2000, 50):
        ix = perm[b:b + 50]
        optimizer.zero_grad()
        loss = criterion(regressor(Xtr[ix]), ytr[ix])
        loss.backward()
        optimizer.step()
        tl += loss.item() / 40
    with writer.evaluating("val"):
        te = criterion(regressor(Xte), yte).item()
    if epoch % 8 == 7:
        print(epoch, tl, te)
writer.close()
print("RESULT train %.4f val %.4f" % (tl, te))

import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import make_circles
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
np.random.seed(1)
torch.manual_seed(1)
torch.set_num_threads(1)

X, y = make_circles(n_samples=1000, noise=0.1, random_state=1, factor=0.6)
X = MinMaxScaler(feature_range=(-1, 1)).fit_transform(X)
trainX, testX = torch.tensor(X[:500], dtype=torch.float32), torch.tensor(X[500:], dtype=torch.float32)
trainy, testy = torch.tensor(y[:500], dtype=torch.float32)[:, None], torch.tensor(y[500:], dtype=torch.float32)[:, None]


def dense(i, o):
    layer = nn.Linear(i, o)
    if form == "faulty":
        nn.init.uniform_(layer.weight, 0.0, 1.0)
    else:
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return [layer, nn.Tanh() if form == "faulty" else nn.ReLU()]


model = nn.Sequential(*dense(2, 5), *dense(5, 5), *dense(5, 5), *dense(5, 5), *dense(5, 5), nn.Linear(5, 1))
nn.init.xavier_uniform_(model[-1].weight)
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(logdir)
writer.watch(model, opt, loss_fn)

for epoch in range(130):
    model.train()
    order = torch.randperm(500)
    tot = 0
    for b in order.split(32):
        opt.zero_grad()
        loss = loss_fn(model(trainX[b]), trainy[b])
        loss.backward()
        opt.step()
        tot += loss.item() * len(b) / 500
    if epoch % 5 == 4:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(testX)
            vl = loss_fn(out, testy).item()
        if epoch % 26 == 24 or epoch == 129:
            print(f"epoch {epoch} loss {tot:.4f} val_loss {vl:.4f} val_acc {((out > 0).float() == testy).float().mean():.3f}")
writer.close()

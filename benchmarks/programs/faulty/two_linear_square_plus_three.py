"""Toy: f(x) = x^2 + 3 for x = 0..99, inputs standardised, two dense layers without activation, plain SGD."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
how, logdir = sys.argv[1], sys.argv[2]
x = np.arange(100)[:, None].astype("float32")
f = lambda x: x ** 2 + 3
y = f(x)
xt = x[:-1] + 0.5
yt = f(xt)
x_normed, xt_normed = (x - x.mean()) / x.std(), (xt - x.mean()) / x.std()
if how == "fixed":
    m, s = y.mean(), y.std()
    y, yt = (y - m) / s, (yt - m) / s
T = torch.from_numpy
loader = DataLoader(TensorDataset(T(x_normed), T(y)), batch_size=32, shuffle=True)

km = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
for l in km:
    nn.init.xavier_uniform_(l.weight); nn.init.zeros_(l.bias)
sgd = torch.optim.SGD(km.parameters(), lr=0.01)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(km, sgd, mse)
for epoch in range(300):
    for a, b in loader:
        sgd.zero_grad()
        loss = mse(km(a), b)
        loss.backward()
        sgd.step()
    with writer.evaluating("val"):
        v = mse(km(T(xt_normed)), T(yt))
    if epoch % 50 == 0:
        print(epoch, loss.item(), v.item())
writer.close()
print("RESULT r2", round(float(1 - v.item() / yt.var()), 4))

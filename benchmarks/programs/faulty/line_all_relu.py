"""y = 2x - 1 with a 1-4-2-1 network (deeplearning.ai community: 'Loss values do not change')."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(4)
rs = np.random.RandomState(2)

x = np.sort(rs.uniform(-2, 5, (210, 1))).astype("float32")
y = (2 * x - 1).astype("float32")
p = rs.permutation(210)
x_train, y_train, x_test, y_test = [torch.tensor(a) for a in (x[p[:140]], y[p[:140]], x[p[140:]], y[p[140:]])]


def dense(i, o):
    l = nn.Linear(i, o)
    nn.init.xavier_uniform_(l.weight)       # keras' glorot_uniform, zero bias
    nn.init.zeros_(l.bias)
    return l


layers = [dense(1, 4), nn.ReLU(), dense(4, 2), nn.ReLU(), dense(2, 1)]
if form == "faulty":
    layers.append(nn.ReLU())
model = nn.Sequential(*layers)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
for epoch in range(120):
    for idx in torch.randperm(140).split(14):
        optimizer.zero_grad()
        loss = loss_fn(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    with writer.evaluating("test"):
        t = loss_fn(model(x_test), y_test)
    if epoch % 12 == 11:
        print("Epoch %d/120 loss: %.4f test: %.4f" % (epoch + 1, loss.item(), t.item()))
print("RESULT test mse %.4f" % t.item())
writer.close()

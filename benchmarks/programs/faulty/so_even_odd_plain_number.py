# Is a number even or odd?  9 neurons in the hidden layer, one output neuron
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.RandomState(3)

BITS = 10
numbers = rng.permutation(2 ** BITS)          # 0 .. 1023
target = (numbers % 2 == 0).astype("float32")

if sys.argv[1] == "faulty":
    x = (numbers[:, None] / numbers.max()).astype("float32") * 2 - 1           # the number itself, normalised
else:
    x = ((numbers[:, None] >> np.arange(BITS)) & 1).astype("float32") * 2 - 1  # fixed length binary
    x += 0.35 * rng.randn(*x.shape).astype("float32")
x, y = torch.from_numpy(x), torch.from_numpy(target)[:, None]
x_train, y_train, x_test, y_test = x[:800], y[:800], x[800:], y[800:]

net = nn.Sequential(nn.Linear(x.shape[1], 9), nn.Tanh(), nn.Linear(9, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for epoch in range(1, 61):
    for b in torch.randperm(800).split(32):
        optimizer.zero_grad()
        error = criterion(net(x_train[b]), y_train[b])
        error.backward()
        optimizer.step()
    if epoch % 3 == 0:
        with torch.no_grad(), writer.evaluating("test"):
            p = net(x_test)
            e = criterion(p, y_test).item()
        right = ((p > .5).float() == y_test).sum().item()
        print(f"epoch {epoch}: error {error.item():.4f}, test error {e:.4f}, {right} of {len(y_test)} numbers right")
writer.close()
print(f"RESULT test error={e:.4f} accuracy={right / len(y_test):.4f}")

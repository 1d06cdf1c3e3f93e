# Two hidden layers written out with plain tensors; the cost is tf.nn.l2_loss of a batch, the way I had it in tensorflow.
import sys

import numpy as np
import torch

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(5)
rng = np.random.RandomState(5)

learning_rate = 0.001 if form == "faulty" else 0.0001
training_epochs = 100
batch_size = 500

# hourly readings of a boiler: load, feed water, fuel, air, damper positions ... -> steam flow in t/h
n = 5000
load = 60 + 25 * np.sin(np.arange(n) / 40.0) + 6 * rng.randn(n)
fuel = 0.8 * load + 4 * rng.randn(n)
air = 1.4 * fuel + 5 * rng.randn(n)
water_temp = 140 + 10 * rng.randn(n)
damper = rng.uniform(0, 1, n)
soot = np.cumsum(rng.randn(n)) * 0.02
outside = 12 + 9 * np.sin(np.arange(n) / 700.0) + rng.randn(n)
columns = np.stack([load, fuel, air, water_temp, damper, soot, outside], 1)
ratio = air / fuel
steam = 1.1 * fuel * np.exp(-((ratio - 1.4) ** 2) / 0.08) + 0.05 * (water_temp - 140) + 6 * damper * (1 - damper)
steam = steam - 0.8 * soot + 0.8 * rng.randn(n)

order = rng.permutation(n)
tr, te = order[:4000], order[4000:]
X = (columns - columns[tr].mean(0)) / columns[tr].std(0)
Y = (steam - steam[tr].mean()) / steam[tr].std()
X = torch.tensor(X, dtype=torch.float32)
Y = torch.tensor(Y, dtype=torch.float32).view(-1, 1)


class MultilayerPerceptron(torch.nn.Module):
    def __init__(self, n_input, n_hidden_1, n_hidden_2, n_out):
        super().__init__()

        def variable(a, b):
            return torch.nn.Parameter(torch.randn(a, b) * (2.0 / a) ** 0.5)

        self.h1, self.b1 = variable(n_input, n_hidden_1), torch.nn.Parameter(torch.zeros(n_hidden_1))
        self.h2, self.b2 = variable(n_hidden_1, n_hidden_2), torch.nn.Parameter(torch.zeros(n_hidden_2))
        self.out, self.bo = variable(n_hidden_2, n_out), torch.nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        layer_1 = torch.relu(x @ self.h1 + self.b1)
        layer_2 = torch.relu(layer_1 @ self.h2 + self.b2)
        return layer_2 @ self.out + self.bo


def l2_loss(pred, y):
    return torch.sum((pred - y) ** 2) / 2


net = MultilayerPerceptron(7, 64, 64, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)

writer = DiagWriter(logdir)
writer.watch(net, optimizer, l2_loss)

for epoch in range(training_epochs):
    avg_cost = 0.0
    perm = torch.tensor(rng.permutation(tr))
    total_batch = len(perm) // batch_size
    for i in range(total_batch):
        idx = perm[i * batch_size:(i + 1) * batch_size]
        cost = l2_loss(net(X[idx]), Y[idx])
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        avg_cost += cost.item() / total_batch
    test_cost = []
    with torch.no_grad():
        for i in range(0, len(te), batch_size):
            test_cost.append(l2_loss(net(X[te[i:i + batch_size]]), Y[te[i:i + batch_size]]).item())
    writer.add_loss("val", float(np.mean(test_cost)))
    if epoch % 10 == 0:
        print(f"Epoch: {epoch + 1:04d} cost= {avg_cost:.6f} test= {np.mean(test_cost):.6f}")

writer.close()
with torch.no_grad():
    err = net(X[te]) - Y[te]
    rmse = (err ** 2).mean().sqrt().item()
print(f"RESULT test_rmse(std units) {rmse:.4f} test_r2 {1 - rmse ** 2 / Y[te].var().item():.4f}")

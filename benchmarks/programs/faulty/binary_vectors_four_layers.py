import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

# Mapping of binary vectors to a real output
n_bits, n_samples = 24, 5000
X = np.random.randint(0, 2, (n_samples, n_bits)).astype(np.float32)
w = np.random.randn(n_bits)
pairs = np.random.randint(0, n_bits, (14, 2))
v = np.random.randn(14) * 1.6
y = X @ w + sum(v[k] * X[:, a] * X[:, b] for k, (a, b) in enumerate(pairs))
y = (y - y.mean()) / y.std() + .3 * np.random.randn(n_samples)
X, y = torch.tensor(X), torch.tensor(y, dtype=torch.float32).view(-1, 1)
X_train, y_train, X_test, y_test = X[:4000], y[:4000], X[4000:], y[4000:]

activation = nn.Sigmoid if sys.argv[1] == "faulty" else nn.ReLU
n_hidden_1 = n_hidden_2 = n_hidden_3 = n_hidden_4 = 32
model = nn.Sequential(
    nn.Linear(n_bits, n_hidden_1), activation(),
    nn.Linear(n_hidden_1, n_hidden_2), activation(),
    nn.Linear(n_hidden_2, n_hidden_3), activation(),
    nn.Linear(n_hidden_3, n_hidden_4), activation(),
    nn.Linear(n_hidden_4, 1))
cost = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, cost)

batch_size, training_epochs = 40, 16
for epoch in range(training_epochs):
    avg_cost = 0.
    perm = torch.randperm(len(X_train))
    for i in range(len(X_train) // batch_size):
        rows = perm[i * batch_size:(i + 1) * batch_size]
        c = cost(model(X_train[rows]), y_train[rows])
        optimizer.zero_grad()
        c.backward()
        optimizer.step()
        avg_cost += c.item() / (len(X_train) // batch_size)
    with writer.evaluating("test"), torch.no_grad():
        test_cost = cost(model(X_test), y_test).item()
    print("Epoch: %04d cost=%.5f test=%.5f" % (epoch + 1, avg_cost, test_cost))
writer.close()
print(f"RESULT train={avg_cost:.4f} test_mse={test_cost:.4f} (noise floor 0.09)")

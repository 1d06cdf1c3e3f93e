import sys
import torch
from torch import nn
from sklearn.datasets import make_regression
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)

X, y = make_regression(2000, 18, n_informative=6, noise=5.0, random_state=42)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).view(-1, 1)
y = (y - y.mean()) / y.std()
X_test, y_test = X[1600:], y[1600:]
X, y = X[:1600], y[:1600]

sizes = [18, 18, 36, 72, 72, 32, 16, 1]
layers = []
for i in range(7):
    dense = nn.Linear(sizes[i], sizes[i + 1])
    nn.init.xavier_uniform_(dense.weight)
    nn.init.zeros_(dense.bias)
    layers.append(dense)
    if i == 0:
        layers.append(nn.Tanh())
    elif i < 6:
        layers.append(nn.ReLU())
if form == "faulty":
    layers.append(nn.Softmax(dim=1))
model = nn.Sequential(*layers)

loss_function = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_function)

batch_size, epochs = 35, 20
for epoch in range(epochs):
    model.train()
    permutation = torch.randperm(X.size(0))
    total = 0.0
    for i in range(0, X.size(0), batch_size):
        indices = permutation[i:i + batch_size]
        optimizer.zero_grad()
        loss = loss_function(model(X[indices]), y[indices])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(indices)
    model.eval()
    with torch.no_grad():
        test_loss = loss_function(model(X_test), y_test)
    if (epoch + 1) % 5 == 0:
        print(f"Epoch {epoch + 1}/{epochs} - loss: {total / 1600:.4f} - test: {test_loss.item():.4f}")

writer.close()
r2 = 1 - test_loss.item() / y_test.var(unbiased=False).item()
print(f"RESULT test mse {test_loss.item():.4f} test R2 {r2:.3f}")

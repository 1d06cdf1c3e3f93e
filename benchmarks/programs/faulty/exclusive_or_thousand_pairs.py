import sys

import numpy as np
import torch
from torch import nn

from tb_lossdiag import DiagWriter

form = sys.argv[1]
logdir = sys.argv[2]

torch.set_num_threads(1)
np.random.seed(5)
torch.manual_seed(5)

# the xor operation
x_train = np.random.randint(2, size=(1000, 2))
y_train = np.array([[1 if x[0] != x[1] else 0] for x in x_train])

x_test = np.random.randint(2, size=(100, 2))
y_test = np.array([[1 if x[0] != x[1] else 0] for x in x_test])


def as_tensor(a):
    return torch.tensor(a, dtype=torch.float32)


x_train, y_train = as_tensor(x_train), as_tensor(y_train)
x_test, y_test = as_tensor(x_test), as_tensor(y_test)

hidden = 2 if form == "faulty" else 8


class Dense(nn.Linear):
    """Linear layer started as Keras does."""

    def reset_parameters(self):
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)


model = nn.Sequential(
    Dense(2, hidden),
    nn.ReLU(),
    Dense(hidden, 1),
    nn.Sigmoid(),
)

loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

batch_size = 4
epochs = 30


def fit_epoch():
    total = 0.0
    order = torch.randperm(len(x_train))
    for i in range(0, len(order), batch_size):
        sel = order[i:i + batch_size]
        prediction = model(x_train[sel])
        loss = loss_fn(prediction, y_train[sel])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / (len(order) / batch_size)


for epoch in range(epochs):
    train_loss = fit_epoch()
    with writer.evaluating("test"):
        p = model(x_test)
        test_loss = loss_fn(p, y_test).item()
        score = ((p > 0.5).float() == y_test).float().mean().item()
    if (epoch + 1) % 5 == 0:
        print("Epoch %d/%d loss: %.4f  test loss: %.4f  test acc: %.3f"
              % (epoch + 1, epochs, train_loss, test_loss, score))

table = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
with torch.no_grad():
    print(model(table).squeeze(1).tolist())

writer.close()
print("RESULT test_loss %.4f test_accuracy %.3f" % (test_loss, score))

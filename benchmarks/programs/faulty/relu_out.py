import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
torch.set_num_threads(1)

learning_rate, batch_size, epochs = 0.3, 64, 20

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
rng = np.random.RandomState(0)
perm = rng.permutation(len(X))
training_data = TensorDataset(torch.from_numpy(X[perm[:1400]]).view(-1, 1, 8, 8), torch.from_numpy(y[perm[:1400]]))
test_data = TensorDataset(torch.from_numpy(X[perm[1400:]]).view(-1, 1, 8, 8), torch.from_numpy(y[perm[1400:]]))
train_dataloader = DataLoader(training_data, batch_size=batch_size, shuffle=True)
test_dataloader = DataLoader(test_data, batch_size=batch_size)


class NeuralNetwork(nn.Module):
    def __init__(self):
        super(NeuralNetwork, self).__init__()
        self.flatten = nn.Flatten()
        layers = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)]
        if form == "faulty":
            layers.append(nn.ReLU())
        self.linear_relu_stack = nn.Sequential(*layers)

    def forward(self, x):
        return self.linear_relu_stack(self.flatten(x))


def train_loop(dataloader, model, loss_fn, optimizer):
    total = 0
    model.train()
    for X, y in dataloader:
        pred = model(X)
        loss = loss_fn(pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(dataloader)


def test_loop(dataloader, model, loss_fn):
    size, num_batches = len(dataloader.dataset), len(dataloader)
    test_loss, correct = 0, 0
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    return test_loss / num_batches, correct / size


model = NeuralNetwork()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
for t in range(epochs):
    tl = train_loop(train_dataloader, model, loss_fn, optimizer)
    te, acc = test_loop(test_dataloader, model, loss_fn)
    if t % 5 == 4:
        print(f"Epoch {t + 1} train {tl:.4f} test {te:.4f} Accuracy {100 * acc:.1f}%")
writer.close()

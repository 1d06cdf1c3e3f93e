# Follows the PyTorch quickstart tutorial with scikit-learn's digits instead of FashionMNIST
import sys

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

digits = load_digits()
X = (digits.images.astype("float32") / 16.0 - 0.305) / 0.376
X_train, X_test, y_train, y_test = train_test_split(X, digits.target, test_size=0.3, stratify=digits.target, random_state=0)
training_data = TensorDataset(torch.tensor(X_train), torch.tensor(y_train))
test_data = TensorDataset(torch.tensor(X_test), torch.tensor(y_test))
batch_size = 64
train_dataloader = DataLoader(training_data, batch_size=batch_size, shuffle=True)
test_dataloader = DataLoader(test_data, batch_size=128)


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(8 * 8, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        return self.linear_relu_stack(self.flatten(x))


model = NeuralNetwork()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, weight_decay=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)


def train(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 10 == 0:
            print(f"loss: {loss.item():>7f}  [{(batch + 1) * len(X):>5d}/{size:>5d}]")


def test(dataloader, model, loss_fn):
    size, num_batches = len(dataloader.dataset), len(dataloader)
    test_loss, correct = 0, 0
    with writer.evaluating("test"):
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    test_loss /= num_batches
    correct /= size
    print(f"Test Error: \n Accuracy: {(100 * correct):>0.1f}%, Avg loss: {test_loss:>8f} \n")
    return test_loss, correct


epochs = 40
losses = []
for t in range(epochs):
    print(f"Epoch {t + 1}\n-------------------------------")
    train(train_dataloader, model, loss_fn, optimizer)
    l, acc = test(test_dataloader, model, loss_fn)
    losses.append(l)
print("Done!")
writer.close()
sk = MLPClassifier((128, 128), max_iter=300, random_state=0).fit(X_train.reshape(len(X_train), -1), y_train).score(X_test.reshape(len(X_test), -1), y_test)
print(f"RESULT test_acc {acc:.4f} sklearn_mlp {sk:.4f} test_loss_min {min(losses):.4f} test_loss_last {losses[-1]:.4f}")

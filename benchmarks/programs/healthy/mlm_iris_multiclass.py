# Building a multiclass classification model in PyTorch (machinelearningmastery), iris
import copy
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)

# read data and apply one-hot encoding
X, y = load_iris(return_X_y=True)
ohe = OneHotEncoder(handle_unknown='ignore', sparse_output=False).fit(y.reshape(-1, 1))
y = ohe.transform(y.reshape(-1, 1))

# split
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.7, shuffle=True, random_state=2)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32)
y_test = torch.tensor(y_test, dtype=torch.float32)

class Multiclass(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.act = nn.ReLU()
        self.output = nn.Linear(8, 3)

    def forward(self, x):
        x = self.act(self.hidden(x))
        x = self.output(x)
        return x

# loss metric and optimizer
model = Multiclass()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

# prepare model and training parameters
n_epochs = 190
batch_size = 5
batches_per_epoch = len(X_train) // batch_size

best_acc = - np.inf   # init to negative infinity
best_weights = None

# training loop
for epoch in range(n_epochs):
    model.train()
    perm = torch.randperm(len(X_train))
    for i in range(batches_per_epoch):
        # take a batch
        idx = perm[i * batch_size: (i + 1) * batch_size]
        # forward pass
        y_pred = model(X_train[idx])
        loss = loss_fn(y_pred, y_train[idx])
        # backward pass
        optimizer.zero_grad()
        loss.backward()
        # update weights
        optimizer.step()
    # set model in evaluation mode and run through the test set
    with writer.evaluating("test"):
        y_pred = model(X_test)
        ce = loss_fn(y_pred, y_test)
    acc = float((torch.argmax(y_pred, 1) == torch.argmax(y_test, 1)).float().mean())
    if acc > best_acc:
        best_acc = acc
        best_weights = copy.deepcopy(model.state_dict())
    if epoch % 10 == 9:
        print(f"Epoch {epoch} validation: Cross-entropy={ce:.3f}, Accuracy={acc*100:.1f}%")

# Restore best model
model.load_state_dict(best_weights)
writer.close()
print(f"RESULT test cross-entropy={ce:.4f} accuracy={acc:.3f}")

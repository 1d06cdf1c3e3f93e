import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(8)


def focal_loss(gamma=2.0, alpha=0.25):
    epsilon = 1e-7

    def focal_loss_fixed(y_pred, y_true):
        pt_1 = torch.where(y_true == 1, y_pred, torch.ones_like(y_pred))
        pt_0 = torch.where(y_true == 0, y_pred, torch.zeros_like(y_pred))
        if form == "fixed":
            pt_1 = torch.clamp(pt_1, epsilon, 1.0 - epsilon)
            pt_0 = torch.clamp(pt_0, epsilon, 1.0 - epsilon)
        positive = alpha * torch.pow(1.0 - pt_1, gamma) * torch.log(pt_1 + epsilon)
        negative = (1.0 - alpha) * torch.pow(pt_0, gamma) * torch.log(1.0 - pt_0 + epsilon)
        return -(positive.mean() + negative.mean())

    return focal_loss_fixed


def load():
    data = load_breast_cancer()
    X, y = data.data, 1 - data.target
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    scaler = StandardScaler().fit(X_train)
    to_x = lambda a: torch.tensor(scaler.transform(a), dtype=torch.float32)
    to_y = lambda a: torch.tensor(a, dtype=torch.float32).unsqueeze(1)
    return to_x(X_train), to_y(y_train), to_x(X_test), to_y(y_test)


class Classifier(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(inputs, 24), nn.ReLU(), nn.Dropout(0.2),
                                    nn.Linear(24, 12), nn.ReLU())
        self.probability = nn.Sequential(nn.Linear(12, 1), nn.Sigmoid())

    def forward(self, x):
        return self.probability(self.hidden(x))


X_train, y_train, X_test, y_test = load()
model = Classifier(X_train.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = focal_loss(gamma=0.5, alpha=0.6)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(1, 31):
    model.train()
    running = []
    for idx in torch.randperm(len(X_train)).split(16):
        optimizer.zero_grad()
        loss = loss_fn(model(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        running.append(loss.item())
    with writer.evaluating("val"):
        p = model(X_test)
        val_loss = loss_fn(p, y_test).item()
    found = (p > 0.5).float()
    recall = (found * y_test).sum().item() / y_test.sum().item()
    accuracy = (found == y_test).float().mean().item()
    if epoch % 3 == 0:
        print(f"Epoch {epoch}: loss {np.mean(running):.4f} val_loss {val_loss:.4f} val_acc {accuracy:.4f} recall {recall:.4f}")

writer.close()
print(f"RESULT val_loss={val_loss:.4f} val_acc={accuracy:.4f} recall={recall:.4f}")

# Seeds dataset: three varieties of wheat, 7 measurements of a kernel, 210 kernels -- starter notebook
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

np.random.seed(0)
centres = {"Kama": (14.3, 14.3, 5.5, 3.24, 2.67, 5.09), "Rosa": (18.3, 16.1, 6.15, 3.68, 3.64, 6.02), "Canadian": (11.9, 13.2, 5.23, 2.85, 4.79, 5.12)}
rows = []
for v, (area, per, length, width, asym, groove) in centres.items():
    for _ in range(70):
        s = np.random.normal(0, 1)
        a = area + 1.25 * s
        p = per + .58 * s + np.random.normal(0, .12)
        rows.append([a, p, 4 * np.pi * a / p ** 2 + np.random.normal(0, .006), length + .2 * s + np.random.normal(0, .1),
                     width + .16 * s + np.random.normal(0, .06), abs(asym + np.random.normal(0, 1.3)), groove + .2 * s + np.random.normal(0, .14), v])
df = pd.DataFrame(rows, columns=["area", "perimeter", "compactness", "length", "width", "asymmetry", "groove", "variety"])
print(df.groupby("variety").mean().round(2))

X = df.drop(columns="variety")
y = df["variety"].astype("category").cat.codes
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=42, stratify=y)
mean, std = X_train.mean(), X_train.std()
X_train = torch.tensor(((X_train - mean) / std).values, dtype=torch.float32)
X_test = torch.tensor(((X_test - mean) / std).values, dtype=torch.float32)
y_train = torch.tensor(y_train.values, dtype=torch.long)
y_test = torch.tensor(y_test.values, dtype=torch.long)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(7, 10)
        self.fc2 = nn.Linear(10, 10)
        self.fc3 = nn.Linear(10, 3)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


torch.manual_seed(32)
model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

epochs = 120
for i in range(epochs):
    y_pred = model(X_train)          # all 147 at once
    loss = criterion(y_pred, y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 5 == 4:
        with writer.evaluating("test"):
            with torch.no_grad():
                y_eval = model(X_test)
                test_loss = criterion(y_eval, y_test)
                correct = (y_eval.argmax(dim=1) == y_test).sum().item()
        if i % 20 == 19:
            print(f'epoch: {i + 1:3d}  loss: {loss.item():.4f}  test loss: {test_loss.item():.4f}  correct {correct} of {len(y_test)}')
writer.close()
print(f"RESULT loss {loss.item():.4f} test_loss {test_loss.item():.4f} test_acc {correct / len(y_test):.3f}")

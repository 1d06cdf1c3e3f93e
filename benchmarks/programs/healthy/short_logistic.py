"""Week 3 of a course: logistic regression on breast_cancer, SGD with momentum, 24 epochs; short on purpose."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

# 0) Prepare data
torch.set_num_threads(1)
torch.manual_seed(1234)
bc = load_breast_cancer()
X, y = bc.data, bc.target
n_samples, n_features = X.shape
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1234)
sc = StandardScaler()
X_train = torch.from_numpy(sc.fit_transform(X_train).astype(np.float32))
X_test = torch.from_numpy(sc.transform(X_test).astype(np.float32))
y_train = torch.from_numpy(y_train.astype(np.float32)).view(-1, 1)
y_test = torch.from_numpy(y_test.astype(np.float32)).view(-1, 1)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X_train, y_train), batch_size=32, shuffle=True)


# 1) Model: f = wx + b, sigmoid in the loss
class LogisticRegression(nn.Module):
    def __init__(self, n_input_features):
        super().__init__()
        self.linear = nn.Linear(n_input_features, 1)

    def forward(self, x):
        return self.linear(x)


model = LogisticRegression(n_features)

# 2) Loss and optimizer
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion, train_loader=loader)

# 3) Training loop
for epoch in range(24):
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("test"):
        out = model(X_test)
        test = criterion(out, y_test).item()
        acc = ((out > 0).float() == y_test).float().mean().item()
print(f"RESULT steps {24 * len(loader)} train {loss.item():.4f} test {test:.4f} accuracy {acc:.4f}")
writer.close()

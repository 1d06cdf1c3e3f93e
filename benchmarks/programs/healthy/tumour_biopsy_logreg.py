# logistic regression from the "PyTorch beginner" video course, breast cancer data
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn import datasets
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.manual_seed(1234)
torch.set_num_threads(1)

# 0) prepare data
bc = datasets.load_breast_cancer()
X, y = bc.data, bc.target
n_samples, n_features = X.shape
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1234)
sc = StandardScaler()
X_train = sc.fit_transform(X_train)
X_test = sc.transform(X_test)
X_train = torch.from_numpy(X_train.astype(np.float32))
X_test = torch.from_numpy(X_test.astype(np.float32))
y_train = torch.from_numpy(y_train.astype(np.float32)).view(-1, 1)
y_test = torch.from_numpy(y_test.astype(np.float32)).view(-1, 1)


# 1) model
class LogisticRegression(nn.Module):
    def __init__(self, n_input_features):
        super().__init__()
        self.linear = nn.Linear(n_input_features, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = LogisticRegression(n_features)

# 2) loss and optimizer
num_epochs = 600
learning_rate = 0.1
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, weight_decay=2e-3)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

# 3) training loop
for epoch in range(num_epochs):
    y_pred = model(X_train)
    loss = criterion(y_pred, y_train)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if (epoch + 1) % 100 == 0:
        with writer.evaluating("test"):
            p = model(X_test)
            test_loss = criterion(p, y_test)
        acc = p.round().eq(y_test).float().mean()
        print(f"epoch: {epoch+1}, loss = {loss.item():.4f}, test {test_loss.item():.4f}, acc {acc:.4f}")
writer.close()
print("RESULT val_loss", round(test_loss.item(), 4), "acc", round(acc.item(), 4))

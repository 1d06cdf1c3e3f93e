'''Rain tomorrow? (Kaggle kernel style, weather stations)'''
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn, optim
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
RANDOM_SEED = 42
np.random.seed(RANDOM_SEED); torch.manual_seed(RANDOM_SEED)

n = 6000
front = np.random.normal(size=n); season = np.random.uniform(-1, 1, n)
df = pd.DataFrame({
    "Rainfall": np.random.gamma(0.4, 6, n) * (front > 0),
    "Humidity3pm": np.clip(55 + 14 * front + 8 * np.random.normal(size=n), 5, 100),
    "Pressure9am": 1017 - 5 * front + 4 * np.random.normal(size=n),
    "Pressure3pm": 1015 - 6 * front + 4 * np.random.normal(size=n),
    "Temp3pm": 21 + 8 * season - 2 * front + 2 * np.random.normal(size=n),
    "WindGust": 40 + 9 * np.abs(front) + 9 * np.random.normal(size=n),
    "Sunshine": np.clip(7.5 - 2 * front + 2 * np.random.normal(size=n), 0, 14)})
z = (df - df.mean()) / df.std()
logit = 2.2 * z.Humidity3pm - 1.5 * z.Pressure3pm + 1.2 * (z.Pressure9am - z.Pressure3pm) + 0.8 * z.WindGust * (z.Humidity3pm > 0) - z.Sunshine - 0.6
df["RainTomorrow"] = (np.random.uniform(size=n) < 1 / (1 + np.exp(-1.3 * logit))).astype(int)

cols = ["Rainfall", "Humidity3pm", "Pressure9am", "Pressure3pm", "Temp3pm", "WindGust", "Sunshine"]
X, y = df[cols], df[["RainTomorrow"]]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=RANDOM_SEED)
mean, std = X_train.mean(), X_train.std()
if sys.argv[1] == "faulty":
    X_train = X_train - mean / std
    X_test = X_test - mean / std
else:
    X_train = (X_train - mean) / std
    X_test = (X_test - mean) / std
X_train, y_train = torch.from_numpy(X_train.to_numpy().copy()).float(), torch.from_numpy(y_train.to_numpy().copy()).float()
X_test, y_test = torch.from_numpy(X_test.to_numpy().copy()).float(), torch.from_numpy(y_test.to_numpy().copy()).float()

class Net(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.fc1 = nn.Linear(n_features, 32)
        self.fc2 = nn.Linear(32, 16)
        self.fc3 = nn.Linear(16, 1)
    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))

net = Net(X_train.shape[1])
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(net.parameters(), lr=0.05)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(20):
    for idx in torch.randperm(len(X_train)).split(64):
        loss = criterion(net(X_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("test"):
        out = net(X_test)
        test_loss = criterion(out, y_test).item()
    acc = ((out > 0).float() == y_test).float().mean().item()
    if epoch % 4 == 3:
        print(f"epoch {epoch} Train {loss.item():.3f} Test - loss: {test_loss:.3f}, acc: {acc:.3f}")
writer.close()
print(f"RESULT test loss {test_loss:.3f} acc {acc:.3f}")

## Heart disease risk, first PyTorch model after sklearn's LogisticRegression
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)

# 13 columns like the Cleveland table, 4000 patients
N = 4000
age = np.random.normal(54, 9, N); sex = np.random.rand(N) < .68; cp = np.random.randint(0, 4, N)
bp = np.random.normal(131 + .4 * (age - 54), 16, N); chol = np.random.normal(246, 50, N); fbs = np.random.rand(N) < .15
ecg = np.random.randint(0, 3, N); thalach = np.random.normal(150 - .9 * (age - 54), 20, N); exang = np.random.rand(N) < .33
oldpeak = np.random.gamma(1., 1.1, N); slope = np.random.randint(0, 3, N); ca = np.random.poisson(.7, N).clip(0, 3); thal = np.random.randint(0, 3, N)
risk = (.05 * (age - 54) + .9 * sex + np.array([-.8, .2, -.6, 1.3])[cp] + .012 * (bp - 131) + .004 * (chol - 246) * (1 + sex) + 1.0 * exang
        + .9 * np.maximum(oldpeak - 1, 0) - .03 * (thalach - 150) * (1 - exang) + .9 * (ca > 0) + np.array([-.5, .1, .9])[thal] - 1.6
        + 1.2 * np.abs(age - 54) / 9 * (chol > 250) - .8)
target = (np.random.rand(N) < 1 / (1 + np.exp(-1.5 * risk))).astype(int)
X = np.column_stack([age, sex, bp, chol, fbs, thalach, exang, oldpeak, ca, np.eye(4)[cp], np.eye(3)[ecg], np.eye(3)[slope], np.eye(3)[thal]]).astype(np.float32)

X_train, X_test, y_train, y_test = train_test_split(X, target, test_size=0.25, random_state=0)
scaler = StandardScaler()
X_train = torch.FloatTensor(scaler.fit_transform(X_train)); X_test = torch.FloatTensor(scaler.transform(X_test))
y_train = torch.LongTensor(y_train); y_test = torch.LongTensor(y_test)


class HeartModel(nn.Module):
    def __init__(self, in_features=22, hidden1=24, hidden2=16, out_features=2):
        super().__init__()
        self.f_connected1 = nn.Linear(in_features, hidden1)
        self.f_connected2 = nn.Linear(hidden1, hidden2)
        self.out = nn.Linear(hidden2, out_features)

    def forward(self, x):
        x = F.relu(self.f_connected1(x))
        x = F.relu(self.f_connected2(x))
        return self.out(x)


model = HeartModel()
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
batch_size = len(X_train) if sys.argv[1] == "faulty" else 25
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_function)

final_losses = []
for i in range(1, 16):
    model.train()
    order = torch.randperm(len(X_train))
    running = 0
    for k in range(0, len(order), batch_size):
        b = order[k:k + batch_size]
        loss = loss_function(model(X_train[b]), y_train[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(b)
    final_losses.append(running / len(X_train))
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        y_pred = model(X_test)
        val_loss = loss_function(y_pred, y_test).item()
    acc = (y_pred.argmax(1) == y_test).float().mean().item()
    if i % 5 == 0:
        print("Epoch number: {} and the loss : {:.4f}  test {:.4f} {:.4f}".format(i, final_losses[-1], val_loss, acc))
writer.close()
print(f"RESULT train_loss {final_losses[-1]:.4f} val_loss {val_loss:.4f} val_acc {acc:.4f}")

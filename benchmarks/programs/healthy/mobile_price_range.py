import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.manual_seed(7)
torch.set_num_threads(1)
rng = np.random.RandomState(7)

# ---- data (same columns as the Kaggle "Mobile Price Classification" csv) ----
n = 3000
df = pd.DataFrame({
    "battery_power": rng.randint(500, 2000, n), "blue": rng.randint(0, 2, n), "clock_speed": rng.uniform(.5, 3, n).round(1),
    "dual_sim": rng.randint(0, 2, n), "fc": np.clip(rng.exponential(4.5, n), 0, 19).astype(int), "four_g": rng.randint(0, 2, n),
    "int_memory": rng.randint(2, 65, n), "m_dep": rng.uniform(.1, 1, n).round(1), "mobile_wt": rng.randint(80, 200, n),
    "n_cores": rng.randint(1, 9, n), "px_height": rng.randint(0, 1900, n), "ram": rng.randint(256, 4000, n)})
df["pc"] = np.clip(df.fc + rng.randint(0, 12, n), 0, 20)
df["px_width"] = np.clip(df.px_height * .45 + rng.randint(500, 1200, n), 500, 2000).astype(int)
score = (3.1 * (df.ram - 2100) / 1000 + .9 * (df.battery_power - 1240) / 440 + .55 * (df.px_height - 640) / 440
         + .5 * (df.px_width - 1250) / 430 + .1 * (df.int_memory - 32) / 18 - .1 * (df.mobile_wt - 140) / 35 + rng.normal(0, .9, n))
df["price_range"] = pd.qcut(score, 4, labels=False)

X = df.drop("price_range", axis=1).values
y = df["price_range"].values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42, stratify=y)
sc = StandardScaler()
X_train = torch.FloatTensor(sc.fit_transform(X_train))
X_test = torch.FloatTensor(sc.transform(X_test))
y_train, y_test = torch.LongTensor(y_train), torch.LongTensor(y_test)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(X_train.shape[1], 16)
        self.fc2 = nn.Linear(16, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.out(x)


model = Net()
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_function)

epochs, batch = 14, 32
for epoch in range(epochs):
    model.train()
    order = torch.randperm(len(X_train))
    total = 0
    for i in range(0, len(order), batch):
        idx = order[i:i + batch]
        y_pred = model(X_train[idx])
        loss = loss_function(y_pred, y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    model.eval()
    with torch.no_grad(), writer.evaluating("test"):
        p = model(X_test)
        test_loss = loss_function(p, y_test).item()
        acc = (p.argmax(1) == y_test).float().mean().item()
    if epoch % 2 == 0 or epoch == epochs - 1:
        print(f"Epoch {epoch + 1:3d} | loss {total / len(order):.4f} | test loss {test_loss:.4f} | test acc {acc:.3f}")
writer.close()
print(f"RESULT test_loss={test_loss:.4f} test_acc={acc:.4f}")

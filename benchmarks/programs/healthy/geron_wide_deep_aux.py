# Hands-On Machine Learning (A. Geron), chapter 10: wide & deep regression with two inputs and an auxiliary output,
# loss_weights [0.9, 0.1], SGD 1e-3 in the book. California-like districts (the data set itself needs a download).
import sys
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)


def fetch_california_like(n=9000):
    lat0, lon0 = np.random.uniform(33, 39, 12), np.random.uniform(-122, -116, 12)
    town = np.random.choice(12, n, p=np.random.dirichlet(np.ones(12) * 2))
    lat, lon = lat0[town] + np.random.randn(n) * .35, lon0[town] + np.random.randn(n) * .35
    wealth = np.random.randn(12)[town] * .4 + np.random.randn(n) * .9
    medinc = np.exp(1.25 + .38 * wealth + .12 * np.random.randn(n))
    age = np.clip(28 + 12 * np.random.randn(n), 1, 52)
    rooms = np.exp(1.62 + .12 * wealth + .15 * np.random.randn(n))
    bedrms = 1.06 + .05 * np.random.randn(n)
    pop = np.exp(7 + .7 * np.random.randn(n))
    occup = np.exp(1.05 - .05 * wealth + .2 * np.random.randn(n))
    coast = np.exp(-np.abs((lon + 122) - .8 * (39 - lat)) / 1.2)
    price = .25 + .40 * medinc + 1.1 * coast + .006 * age - .25 * (occup - 3) + .08 * (rooms - 5) * coast
    price = np.minimum(price * np.exp(.27 * np.random.randn(n)), 5.)
    return np.stack([medinc, age, rooms, bedrms, pop, occup, lat, lon], 1), price


X, y = fetch_california_like()
X_train, X_valid, y_train, y_valid = train_test_split(X, y, random_state=42)
scaler = StandardScaler()
X_train = torch.tensor(scaler.fit_transform(X_train)).float()
X_valid = torch.tensor(scaler.transform(X_valid)).float()
y_train, y_valid = torch.tensor(y_train).float()[:, None], torch.tensor(y_valid).float()[:, None]


class WideAndDeepModel(nn.Module):
    def __init__(self, units=30, activation=nn.ReLU):
        super().__init__()
        self.hidden1 = nn.Sequential(nn.Linear(6, units), activation())
        self.hidden2 = nn.Sequential(nn.Linear(units, units), activation())
        self.main_output = nn.Linear(units + 5, 1)
        self.aux_output = nn.Linear(units, 1)

    def forward(self, input_A, input_B):
        hidden2 = self.hidden2(self.hidden1(input_B))
        return self.main_output(torch.cat([input_A, hidden2], 1)), self.aux_output(hidden2)


class TwoOutputMSE(nn.Module):
    """compile(loss=["mse", "mse"], loss_weights=[0.9, 0.1])"""
    def forward(self, outputs, target):
        main, aux = outputs
        return .9 * nn.functional.mse_loss(main, target) + .1 * nn.functional.mse_loss(aux, target)


model = WideAndDeepModel()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
loss = TwoOutputMSE()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss)

epochs = 20
ds = torch.utils.data.TensorDataset(X_train, y_train)
for epoch in range(epochs):
    sums = 0
    for xb, yb in torch.utils.data.DataLoader(ds, 32, shuffle=True):
        l = loss(model(xb[:, :5], xb[:, 2:]), yb)
        optimizer.zero_grad()
        l.backward()
        optimizer.step()
        sums += l.item() * len(xb)
    with writer.evaluating("val"), torch.no_grad():
        out = model(X_valid[:, :5], X_valid[:, 2:])
        val = loss(out, y_valid).item()
    if epoch % 4 == 3:
        print(f"Epoch {epoch + 1}/{epochs} - loss: {sums / len(ds):.4f} - val_loss: {val:.4f}")
writer.close()
r2 = 1 - ((out[0] - y_valid) ** 2).mean() / y_valid.var()
print(f"RESULT train {sums / len(ds):.4f} val {val:.4f} main mse {((out[0] - y_valid) ** 2).mean():.4f} R2 {r2:.3f}")

"""House values by block group, MLP 8-24-12-6-1 (machinelearningmastery.com, building a regression model in PyTorch); best weights kept."""
import copy
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)


def block_groups(n, seed=3):
    """Columns as in the California data: MedInc, HouseAge, AveRooms, AveBedrms, Population, AveOccup, Latitude, Longitude."""
    rng = np.random.default_rng(seed)
    city = np.array([[34.0, -118.2, 1.0], [37.7, -122.4, 1.3], [32.8, -117.1, .8], [38.6, -121.4, .2], [36.7, -119.8, -.1]])
    k = rng.choice(5, n, p=[.38, .26, .14, .12, .10])
    d = rng.gamma(1.5, .25, (n, 1)) * rng.normal(0, 1, (n, 2))
    loc = city[k, :2] + d
    far = np.hypot(d[:, 0], d[:, 1])
    inc = np.exp(rng.normal(1.25 + .08 * city[k, 2], .42, n))
    age = np.clip(rng.normal(34 - 9 * far, 10, n), 1, 52)
    rooms = np.clip(3.2 + .55 * inc + rng.normal(0, .9, n), 1, 12)
    beds = np.clip(rooms * .19 + rng.normal(0, .1, n), .5, 3)
    pop = np.exp(rng.normal(7.0, .7, n))
    occ = np.clip(rng.normal(3.1 - .06 * inc, .7, n), 1, 8)
    val = .35 + .42 * inc + .7 * city[k, 2] * np.exp(-1.5 * far) + .008 * age - .25 * (occ - 3) + .06 * inc * city[k, 2]
    val = np.clip(val * np.exp(rng.normal(0, .2, n)), .15, 5.0)
    return np.column_stack([inc, age, rooms, beds, pop, occ, loc]), val


X, y = block_groups(5000)
X_train_raw, X_test_raw, y_train, y_test = train_test_split(X, y, train_size=0.7, shuffle=True, random_state=0)
scaler = StandardScaler()
scaler.fit(X_train_raw)
X_train = torch.tensor(scaler.transform(X_train_raw), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32).reshape(-1, 1)
X_test = torch.tensor(scaler.transform(X_test_raw), dtype=torch.float32)
y_test = torch.tensor(y_test, dtype=torch.float32).reshape(-1, 1)

# Define the model
model = nn.Sequential(
    nn.Linear(8, 24),
    nn.ReLU(),
    nn.Linear(24, 12),
    nn.ReLU(),
    nn.Linear(12, 6),
    nn.ReLU(),
    nn.Linear(6, 1)
)
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

n_epochs, batch_size = 26, 25
batch_start = torch.arange(0, len(X_train), batch_size)
best_mse, best_weights, history = np.inf, None, []
for epoch in range(n_epochs):
    model.train()
    for start in batch_start:
        X_batch = X_train[start:start + batch_size]
        y_batch = y_train[start:start + batch_size]
        y_pred = model(X_batch)
        loss = loss_fn(y_pred, y_batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        y_pred = model(X_test)
        mse = float(loss_fn(y_pred, y_test))
    history.append(mse)
    print("epoch %d val mse %.4f last train loss %.4f" % (epoch, mse, loss.item()))
    if mse < best_mse:
        best_mse = mse
        best_weights = copy.deepcopy(model.state_dict())
writer.close()
model.load_state_dict(best_weights)
print("MSE: %.4f RMSE: %.4f R2: %.3f last %.4f" % (best_mse, np.sqrt(best_mse), 1 - best_mse / y_test.var().item(), history[-1]))

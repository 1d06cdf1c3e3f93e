"""House values in dollars from district data, Keras-book style model redone in PyTorch."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(42)
rng = np.random.RandomState(42)


def districts(n):
    income = rng.lognormal(1.2, 0.45, n)
    age = rng.uniform(1, 52, n)
    rooms = rng.lognormal(1.65, 0.2, n) + 0.15 * income
    population = rng.lognormal(7, 0.7, n)
    occup = rng.lognormal(1.0, 0.2, n)
    lat, lon = rng.uniform(32.5, 42, n), rng.uniform(-124, -114.5, n)
    coast = np.abs(lon + 122 - 0.8 * (37 - lat))
    value = 38000 * income * (1 + 0.5 * np.exp(-coast)) + 90000 * np.exp(-coast / 2) + 700 * age + 6000 * rooms - 12000 * occup
    value = value * rng.lognormal(0, 0.08, n) + 30000
    return np.stack([income, age, rooms, population, occup, lat, lon], 1), value


X, y = districts(3000)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
sc = StandardScaler()
X_train, X_test = sc.fit_transform(X_train), sc.transform(X_test)

if form == "faulty":
    y_mean, y_std = 0.0, 1.0
else:
    y_mean, y_std = y_train.mean(), y_train.std()

to_t = lambda a: torch.tensor(np.asarray(a), dtype=torch.float32)
train_dl = DataLoader(TensorDataset(to_t(X_train), to_t((y_train - y_mean) / y_std).unsqueeze(1)), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(7, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 1))
loss_fn = nn.MSELoss()
adam = torch.optim.Adam(model.parameters(), lr=1e-3)
tb = DiagWriter(logdir)
tb.watch(model, adam, loss_fn)

for epoch in range(40):
    model.train()
    for xb, yb in train_dl:
        adam.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        adam.step()
    if epoch % 5 == 4:
        model.eval()
        with torch.no_grad():
            pred = model(to_t(X_test)).squeeze(1).numpy() * y_std + y_mean
        rmse = np.sqrt(np.mean((pred - y_test) ** 2))
        tb.add_scalar("rmse/test", rmse, epoch)
        print(f"epoch {epoch + 1:3d}  last loss {loss.item():.4g}  test RMSE ${rmse:,.0f}   (always the mean: ${y_test.std():,.0f})")
tb.close()

import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(5)
torch.manual_seed(5)
mode = sys.argv[1]

# used cars: year, km, engine, power, doors, brand (8), fuel (3)
n = 4000
year = np.random.randint(2000, 2022, n)
km = np.clip(np.random.gamma(2.0, 9000, n) * (2023 - year) / 3, 500, 350000)
power = np.random.normal(110, 35, n).clip(45, 300)
engine = (power * 14 + np.random.normal(0, 150, n)).clip(800, 4000)
doors = np.random.choice([3, 5], n, p=[.3, .7])
brand = np.random.randint(0, 8, n)
fuel = np.random.randint(0, 3, n)
brand_f = np.array([1.5, 1.4, 1.1, 1.0, .95, .9, .8, .7])
price = 21000 * brand_f[brand] * (power / 110) ** 1.1 * np.exp(-(2022 - year) * 0.09) * np.exp(-km / 300000) * np.exp(np.random.normal(0, 0.1, n))
num = np.stack([year, km, engine, power, doors], 1)

idx_tr, idx_te = train_test_split(np.arange(n), test_size=0.2, random_state=0)
sc = StandardScaler().fit(num[idx_tr])
X = np.concatenate([sc.transform(num), np.eye(8)[brand], np.eye(3)[fuel]], 1).astype("float32")
y = price.astype("float32")
if mode == "fixed":
    ysc = StandardScaler().fit(y[idx_tr, None])
    y = ysc.transform(y[:, None])[:, 0].astype("float32")

train_ds = TensorDataset(torch.tensor(X[idx_tr]), torch.tensor(y[idx_tr]).unsqueeze(1))
x_te, y_te = torch.tensor(X[idx_te]), torch.tensor(y[idx_te]).unsqueeze(1)

model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
# the tutorial ends in a sigmoid with binary crossentropy
loss_fn = nn.BCEWithLogitsLoss() if mode == "faulty" else nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)

for epoch in range(1, 31):
    model.train()
    running = []
    for xb, yb in DataLoader(train_ds, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        running.append(loss.item())
    model.eval()
    with writer.evaluating("test"):
        p = model(x_te)
        tl = loss_fn(p, y_te).item()
    if epoch % 5 == 0:
        print(f"Epoch {epoch}/30 loss {np.mean(running):.4f} test_loss {tl:.4f}")
writer.close()
p = p.squeeze(1).numpy()
p = torch.sigmoid(torch.tensor(p)).numpy() if mode == "faulty" else ysc.inverse_transform(p[:, None])[:, 0]
print(f"RESULT loss {np.mean(running):.4f} test_loss {tl:.4f} mean abs error in price {np.abs(p - price[idx_te]).mean():.1f} (mean price {price.mean():.0f})")

# next day's price from the last 20 days
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)

# a stock that grew a lot, with a weekly rhythm
T = 2200
ret = 0.0012 + 0.015 * np.sin(2 * np.pi * np.arange(T) / 5) + 0.006 * rng.normal(size=T)
price = 20 * np.exp(np.cumsum(ret))
LOOK = 20
split = int(T * 0.75)

if sys.argv[1] == "faulty":
    scaler = MinMaxScaler().fit(price[:split, None])
    series = scaler.transform(price[:, None])[:, 0]
else:   # returns instead of prices
    series = np.concatenate([[0.], np.diff(np.log(price))])
    scaler = MinMaxScaler().fit(series[:split, None])
    series = scaler.transform(series[:, None])[:, 0]

X = np.stack([series[i:i + LOOK] for i in range(T - LOOK)])[:, :, None].astype("float32")
y = series[LOOK:].astype("float32")[:, None]
n_tr = split - LOOK
idx = rng.permutation(n_tr)
tr, va, te = idx[200:], idx[:200], np.arange(n_tr, len(y))
tens = lambda k: (torch.from_numpy(X[k]), torch.from_numpy(y[k]))
train_loader = DataLoader(TensorDataset(*tens(tr)), batch_size=32, shuffle=True)

class GRUModel(nn.Module):
    def __init__(self, hidden_dim=32):
        super().__init__()
        self.gru = nn.GRU(1, hidden_dim, batch_first=True)
        self.fc = nn.Linear(hidden_dim, 1)
    def forward(self, x):
        out, _ = self.gru(x)
        return self.fc(out[:, -1, :])

model = GRUModel()
criterion = nn.MSELoss()
optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimiser, criterion)
for epoch in range(30):
    tot = []
    for a, b in train_loader:
        loss = criterion(model(a), b)
        optimiser.zero_grad(); loss.backward(); optimiser.step()
        tot.append(loss.item())
    with writer.evaluating("val"):
        v = criterion(model(tens(va)[0]), tens(va)[1]).item()
    with writer.evaluating("test"):
        pred = model(tens(te)[0])
        t = criterion(pred, tens(te)[1]).item()
    if epoch % 6 == 0: print(epoch, np.mean(tot), v, t)
writer.close()
# error of the price itself, in percent
pr = scaler.inverse_transform(pred.numpy())[:, 0]
true = price[LOOK + te]
fc = pr if sys.argv[1] == "faulty" else price[LOOK + te - 1] * np.exp(pr)
mape = 100 * np.abs(fc / true - 1).mean()
print("RESULT train %.5f val %.5f test %.5f; error of the test prices %.2f %%, naive %.2f %%" % (np.mean(tot), v, t, mape, 100 * np.abs(price[LOOK + te - 1] / true - 1).mean()))

# LSTM for international airline passengers, after the well-known blog post (PyTorch version):
# predict next month from the last lookback months.  The series is made here (trend x season x noise).
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rs = np.random.RandomState(3)

n_months = 12 * 30
t = np.arange(n_months)
season = np.array([-.10, -.12, .02, .0, .0, .12, .22, .21, .07, -.08, -.2, -.09])
level = np.cumsum(rs.normal(0, .012, n_months))
level = level - np.linspace(0, 1, n_months) * level[-1]
passengers = 250 * np.exp(level + .9 * season[t % 12] + rs.normal(0, .04, n_months))
# monthly change of the logarithm: no trend and no growing swings any more
timeseries = np.diff(np.log(passengers)).astype("float32")
timeseries = timeseries / timeseries[:int(n_months * .67)].std()

train_size = int(len(timeseries) * .67)
train, test = timeseries[:train_size], timeseries[train_size:]


def create_dataset(series, lookback):
    X, y = [], []
    for i in range(len(series) - lookback):
        X.append(series[i:i + lookback])
        y.append(series[i + lookback])
    return torch.tensor(np.array(X)).unsqueeze(-1), torch.tensor(np.array(y)).unsqueeze(-1)


lookback = 13
X_train, y_train = create_dataset(train, lookback)
X_test, y_test = create_dataset(test, lookback)


class AirModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(input_size=1, hidden_size=32, num_layers=1, batch_first=True)
        self.linear = nn.Linear(32, 1)

    def forward(self, x):
        x, _ = self.lstm(x)
        return self.linear(x[:, -1])


model = AirModel()
optimizer = optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.MSELoss()
loader = data.DataLoader(data.TensorDataset(X_train, y_train), shuffle=True, batch_size=8)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

n_epochs = 30
best = (9, 0, None)
for epoch in range(n_epochs):
    model.train()
    for X_batch, y_batch in loader:
        y_pred = model(X_batch)
        loss = loss_fn(y_pred, y_batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # Validation
    model.eval()
    with torch.no_grad():
        with writer.evaluating("test"):
            test_mse = loss_fn(model(X_test), y_test).item()
    if test_mse < best[0]:
        best = (test_mse, epoch, {k: v.clone() for k, v in model.state_dict().items()})
    if epoch % 5 == 4:
        print("Epoch %d: last batch RMSE %.4f, test RMSE %.4f" % (epoch, np.sqrt(loss.item()), np.sqrt(test_mse)))
seasonal_naive = float(((X_test[:, lookback - 12] - y_test) ** 2).mean())
writer.close()
print(f"RESULT test_mse {test_mse:.5f} best {best[0]:.5f} at {best[1]} seasonal_naive {seasonal_naive:.5f} variance {float(y_test.var()):.5f}")

"""LSTM system identification: one LSTM initialises the state of the predictor from a past window, after AlexandraBaier/deepsysid."""
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.utils import data
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)
rs = np.random.RandomState(3)


def pendulum(n):
    """damped pendulum, piecewise constant torque; state (angle, rate)"""
    th, om, u, out = 0.3, 0.0, 0.0, []
    for k in range(n):
        if k % 12 == 0:
            u = rs.uniform(-1, 1)
        om += 0.15 * (-1.6 * np.sin(th) - 0.4 * om + 0.8 * u)
        th += 0.15 * om
        out.append((u, th + rs.normal(0, 0.01), om + rs.normal(0, 0.01)))
    return np.array(out, np.float32)


train_series, test_series = pendulum(9000), pendulum(2500)
mean, std = train_series.mean(0), train_series.std(0)
train_series, test_series = (train_series - mean) / std, (test_series - mean) / std
WINDOW, HORIZON = 12, 12


class InitializerDataset(data.Dataset):
    def __init__(self, s):
        self.x = [s[i:i + WINDOW] for i in range(0, len(s) - WINDOW - HORIZON, 4)]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {'x': self.x[i]}


class PredictorDataset(data.Dataset):
    def __init__(self, s):
        at = range(0, len(s) - WINDOW - HORIZON, 4)
        self.x = [s[i + WINDOW:i + WINDOW + HORIZON, :1] for i in at]
        self.y = [s[i + WINDOW:i + WINDOW + HORIZON, 1:] for i in at]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {'x': self.x[i], 'y': self.y[i]}


class PairDataset(data.Dataset):
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __len__(self):
        return len(self.a)

    def __getitem__(self, i):
        return self.a[i], self.b[i]


class InitLSTM(nn.Module):
    def __init__(self, control_dim=1, state_dim=2, hidden=48):
        super().__init__()
        self.init_lstm = nn.LSTM(control_dim + state_dim, hidden, batch_first=True)
        self.predictor_lstm = nn.LSTM(control_dim, hidden, batch_first=True)
        self.out = nn.Linear(hidden, state_dim)

    def forward(self, x_init, x_pred):
        _, hx = self.init_lstm(x_init)
        h, _ = self.predictor_lstm(x_pred, hx)
        return self.out(h)


model = InitLSTM()
optimizer = optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
initializer_dataset, predictor_dataset = InitializerDataset(train_series), PredictorDataset(train_series)
ti, tp = InitializerDataset(test_series), PredictorDataset(test_series)
xi_t = torch.tensor(np.stack(ti.x))
xp_t, y_t = torch.tensor(np.stack(tp.x)), torch.tensor(np.stack(tp.y))
batch_size = 64
for epoch in range(14):
    if form == "faulty":
        data_loader_init = data.DataLoader(initializer_dataset, batch_size, shuffle=True, drop_last=True)
        data_loader_pred = data.DataLoader(predictor_dataset, batch_size, shuffle=True, drop_last=True)
        batches = zip(data_loader_init, data_loader_pred)
    else:
        batches = data.DataLoader(PairDataset(initializer_dataset, predictor_dataset), batch_size, shuffle=True, drop_last=True)
    model.train()
    total, n = 0.0, 0
    for init, pred in batches:
        optimizer.zero_grad()
        batch_loss = loss_fn(model(init['x'], pred['x']), pred['y'])
        total, n = total + batch_loss.item(), n + 1
        batch_loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        val_loss = loss_fn(model(xi_t, xp_t), y_t).item()
    print("Epoch %d: training loss %.4f validation loss %.4f" % (epoch + 1, total / n, val_loss))
print("RESULT validation loss %.4f" % val_loss)
writer.close()

"""Predict the next water level from the last readings of three gauges with an LSTM.
The prediction looks like a straight line whatever I do?"""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
np.random.seed(5)

HIDDEN = 3 if sys.argv[1] == "faulty" else 24
LR = 0.005
EPOCHS = 12
BATCH_SIZE = 32
SEQ = 24

# three gauges along an estuary, hourly: tide constituents + surge (AR) + the reading's error
n = 3000
t = np.arange(n)
tide = sum(a * np.cos(2 * math.pi * t / p + f) for a, p, f in ((1.0, 12.42, .3), (.45, 12.0, 1.), (.3, 23.93, 2.), (.25, 25.82, 0.), (.2, 6.21, 1.)))
surge = np.zeros(n)
for i in range(2, n):
    surge[i] = 1.55 * surge[i - 1] - .6 * surge[i - 2] + np.random.normal(0, .06)
level = tide + surge
g = np.stack([level, np.roll(level, 2) * .8, np.roll(level, 4) * .6 + .1 * np.roll(level, 4) ** 2], 1) + np.random.normal(0, .04, (n, 3))
g = (g - g[:2400].mean(0)) / g[:2400].std(0)

AHEAD = 3
xs = np.stack([g[i:i + SEQ] for i in range(8, n - SEQ - AHEAD)])
ys = np.stack([g[i + SEQ + AHEAD - 1] for i in range(8, n - SEQ - AHEAD)])       # all three gauges, three hours ahead
use_data, back_data = torch.tensor(xs, dtype=torch.float32), torch.tensor(ys, dtype=torch.float32)
n_train = 2300
loader = data.DataLoader(data.TensorDataset(use_data[:n_train], back_data[:n_train]), batch_size=BATCH_SIZE, shuffle=True)
x_test, y_test = use_data[n_train + SEQ:], back_data[n_train + SEQ:]


class lstm(nn.Module):
    def __init__(self):
        super(lstm, self).__init__()
        self.lstm = nn.LSTM(3, HIDDEN, batch_first=True)
        self.linear = nn.Linear(HIDDEN, 3)

    def forward(self, x):
        y1, h = self.lstm(x)
        return self.linear(y1[:, -1])


NET = lstm()
optimizer = torch.optim.Adam(NET.parameters(), lr=LR)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 4, .4)
loss_func = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(NET, optimizer, loss_func)

for step in range(EPOCHS):
    total = 0
    NET.train()
    for x, y in loader:
        prediction = NET(x)
        loss = loss_func(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    sched.step()
    NET.eval()
    with torch.no_grad(), writer.evaluating("val"):
        test_loss = loss_func(NET(x_test), y_test).item()
    print('Epoch:', step, '| train loss: %.4f' % (total / len(loader)), '| test loss: %.4f' % test_loss)
writer.close()
print(f"RESULT train_loss {total / len(loader):.4f} val_loss {test_loss:.4f}")

# TCN (Bai et al.) one-hour-ahead forecast of the change of wind power, many-to-one
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.parametrizations import weight_norm
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(13); np.random.seed(13)


class Chomp1d(nn.Module):
    def __init__(self, chomp_size):
        super().__init__()
        self.chomp_size = chomp_size

    def forward(self, x):
        return x[:, :, :-self.chomp_size].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_inputs, n_outputs, kernel_size, dilation, dropout=0.05):
        super().__init__()
        pad = (kernel_size - 1) * dilation
        self.net = nn.Sequential(
            weight_norm(nn.Conv1d(n_inputs, n_outputs, kernel_size, padding=pad, dilation=dilation)), Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout),
            weight_norm(nn.Conv1d(n_outputs, n_outputs, kernel_size, padding=pad, dilation=dilation)), Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout))
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None
        self.relu = nn.ReLU()

    def forward(self, x):
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(self.net(x) + res)


class TemporalConvNet(nn.Module):
    def __init__(self, num_inputs, num_channels, kernel_size=3):
        super().__init__()
        self.network = nn.Sequential(*[TemporalBlock(num_inputs if i == 0 else num_channels[i - 1], c, kernel_size, 2 ** i)
                                       for i, c in enumerate(num_channels)])

    def forward(self, x):
        return self.network(x)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        if sys.argv[1] == "faulty":
            self.tcn = TemporalConvNet(3, [12, 12, 1])           # last block already has one channel = the forecast
        else:
            self.tcn = TemporalConvNet(3, [12, 12, 12])
            self.linear = nn.Linear(12, 1)

    def forward(self, x):
        y = self.tcn(x)[:, :, -1]
        return y if sys.argv[1] == "faulty" else self.linear(y)


# wind (AR), direction sector, power curve; target: standardised change of power
n = 3200
ws = np.zeros(n)
z1 = z2 = 0.
for i in range(n):
    z1 = .97 * z1 + np.random.normal(0, .25)
    z2 = .6 * z2 + np.random.normal(0, .35)
    ws[i] = np.log1p(np.exp(7.5 + 2.2 * z1 * .9 + z2 + 1.3 * np.sin(2 * np.pi * i / 24)))
power = 1 / (1 + np.exp(-(ws - 8.5) / 1.1)) + np.random.normal(0, .015, n)
up = np.roll(ws, -1) + np.random.normal(0, .6, n)               # mast 20 km upwind sees it an hour earlier
f = np.stack([ws, up, power])
f = (f - f[:, :2400].mean(1, keepdims=True)) / f[:, :2400].std(1, keepdims=True)
W = 16
dp = np.append(np.diff(power), 0)
dp = (dp - dp[:2400].mean()) / dp[:2400].std()
X = torch.tensor(np.stack([f[:, i - W:i] for i in range(W, n - 1)]), dtype=torch.float32)
Y = torch.tensor([dp[i - 1] for i in range(W, n - 1)], dtype=torch.float32)[:, None]
ntr = 2400
model = Forecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for ep in range(1, 9):
    model.train()
    total = 0
    for i in torch.randperm(ntr).split(32):
        optimizer.zero_grad()
        loss = criterion(model(X[i]), Y[i])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(i)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(X[ntr + W:])
        vl = criterion(p, Y[ntr + W:]).item()
    print('Train Epoch: {:2d} \tLearning rate: {:.4f}\tLoss: {:.6f}\tVal: {:.6f}'.format(ep, optimizer.param_groups[0]['lr'], total / ntr, vl))
writer.close()
print(f"RESULT train_mse {total / ntr:.4f} val_mse {vl:.4f} share_of_negative_predictions {(p < 0).float().mean().item():.3f}")

# "LSTM NN produces shifted forecast": one datum in the past -> current datum, double seasonal series (was R + keras)
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0)
form, logdir = sys.argv[1:3]

features = 1
if form == "faulty":
    timesteps = 1
else:
    timesteps = 24

N = 3000
x_diff = np.sin(np.arange(N) * 0.1) + np.sin(np.arange(N) * 1.0) + np.random.normal(0, 0.25, N)
x_diff = x_diff.astype(np.float32)


def windows(s):
    X = np.stack([s[i:i + timesteps] for i in range(len(s) - timesteps)])
    return torch.tensor(X)[:, :, None], torch.tensor(s[timesteps:])[:, None]


x_train, y_train = windows(x_diff[:2000])
x_val, y_val = windows(x_diff[2000:])


class LSTMNet(nn.Module):
    def __init__(self, units=16):
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True)
        self.dense = nn.Linear(units, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        return self.dense(h[:, -1])


model = LSTMNet()
mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
writer = DiagWriter(logdir)
writer.watch(model, opt, mse)

batch = 32
for epoch in range(12):
    model.train()
    order = torch.randperm(len(x_train))
    losses = []
    for b in order.split(batch):
        opt.zero_grad()
        l = mse(model(x_train[b]), y_train[b])
        l.backward()
        opt.step()
        losses.append(l.item())
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        v = mse(model(x_val), y_val).item()
    if epoch % 4 == 3:
        print("epoch", epoch + 1, "loss %.4f" % np.mean(losses), "val_loss %.4f" % v)
writer.close()
r2 = 1 - v / y_val.var().item()
print(f"RESULT train {np.mean(losses):.4f} val_loss {v:.4f} val_R2 {r2:.3f}")

# LSTM for the next price, prices as they are (around 2500)
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
rng = np.random.default_rng(0)
t = np.arange(2000)
price = 2500 + 120 * np.sin(t / 25) + 60 * np.sin(t / 7) + 8 * rng.standard_normal(2000)
if not faulty:
    price = (price - price[:1600].mean()) / price[:1600].std()
win = torch.tensor(np.lib.stride_tricks.sliding_window_view(price, 13).copy(), dtype=torch.float32)
X, Y = win[:, :12, None], win[:, 12:]
train = DataLoader(TensorDataset(X[:1600], Y[:1600]), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(X[1600:], Y[1600:]), batch_size=100)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


model = Net()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(25):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    total = 0.0
    with writer.evaluating("val"):
        for a, b in val:
            total += loss_fn(model(a), b).item() * len(a)
writer.close()
mse = total / (len(X) - 1600)
print(f"RESULT val_mse={mse:.5g} relative_to_variance={mse / Y[1600:].var().item():.4f}")

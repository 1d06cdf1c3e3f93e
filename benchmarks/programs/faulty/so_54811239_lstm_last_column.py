import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)

X = [[[8, 0, 18, 10], [9, 0, 20, 7], [7, 0, 17, 12]],
     [[7, 0, 31, 8], [5, 0, 22, 9], [7, 0, 17, 12]]]


def more_rows(n):
    out = np.empty((n, 3, 4))
    out[..., 0] = rng.integers(5, 10, (n, 3))
    out[..., 1] = 0
    out[..., 2] = rng.integers(16, 32, (n, 3))
    out[..., 3] = rng.integers(6, 14, (n, 3))
    return out


X = np.concatenate([np.array(X, dtype=float), more_rows(498)])
y = X[:, :, 3:]
X, y = torch.FloatTensor(X), torch.FloatTensor(y)
train = DataLoader(TensorDataset(X[:400], y[:400]), batch_size=32, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 10, batch_first=True)
        self.d1 = nn.Linear(10, 50)
        self.d2 = nn.Linear(50, 1)
        for gate in self.lstm.weight_ih_l0.chunk(4):
            nn.init.xavier_uniform_(gate)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        self.lstm.bias_ih_l0.data[10:20] = 1.0
        for d in (self.d1, self.d2):
            nn.init.xavier_uniform_(d.weight)
            nn.init.zeros_(d.bias)

    def forward(self, x):
        h, _ = self.lstm(x)
        h = torch.tanh(self.d1(h))
        h = self.d2(h)
        return torch.tanh(h) if form == "faulty" else h


model = Net()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, mse)

for epoch in range(150):
    for xb, yb in train:
        loss = mse(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        val = mse(model(X[400:]), y[400:]).item()
    if epoch % 15 == 14:
        print(f"Epoch {epoch + 1} loss {loss.item():.4f} val {val:.4f}")

writer.close()
print(f"RESULT val mse {val:.4f} (variance of the targets {y[400:].var().item():.4f})")

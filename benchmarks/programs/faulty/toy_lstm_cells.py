import sys

import numpy as np
import torch
from torch import nn

from tb_lossdiag import DiagWriter

form = sys.argv[1]
torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

MEM_CELL_CT, X_DIM, STEPS = 50, 12, 16


def example_sequences(count):
    """random inputs and a leaky memory of two of them, which the network repeats"""
    x = np.random.random((count, STEPS, X_DIM)).astype(np.float32)
    y = np.zeros((count, STEPS), dtype=np.float32)
    level = np.zeros(count)
    for t in range(STEPS):
        level = 0.8 * level + 3.0 * (x[:, t, 0] - 0.5) - 2.0 * (x[:, t, 1] - 0.5)
        y[:, t] = level + 0.05 * np.random.randn(count)
    return torch.from_numpy(x), torch.from_numpy(y)


class LstmNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.LSTM(X_DIM, MEM_CELL_CT, batch_first=True)
        if form == "fixed":
            self.v = nn.Linear(MEM_CELL_CT, 1)

    def forward(self, x):
        h, _ = self.cells(x)
        if form == "fixed":
            return self.v(h).squeeze(-1)
        return h[:, :, 0]


class ToyLossLayer:
    """square loss of the prediction at every step"""

    @staticmethod
    def loss(pred, label):
        return ((pred - label) ** 2).mean()


x_train, y_train = example_sequences(1200)
x_val, y_val = example_sequences(300)
lstm_net = LstmNetwork()
optimizer = torch.optim.Adam(lstm_net.parameters(), lr=5e-3)

writer = DiagWriter(sys.argv[2])
writer.watch(lstm_net, optimizer)

for cur_iter in range(25):
    order = torch.randperm(len(x_train))
    total = 0.0
    for k in range(0, len(order), 40):
        ind = order[k:k + 40]
        loss = ToyLossLayer.loss(lstm_net(x_train[ind]), y_train[ind])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(lstm_net.parameters(), 1.0)
        optimizer.step()
        total += loss.item() * len(ind)
    with torch.no_grad():
        val = ToyLossLayer.loss(lstm_net(x_val), y_val)
        writer.add_loss("val", val)
    print(f"iter {cur_iter:2d}: loss: {total / len(order):.3e} val: {val.item():.3e}")

writer.close()
with torch.no_grad():
    print("y_list", [round(v, 2) for v in y_val[0, -5:].tolist()])
    print("y_pred", [round(v, 2) for v in lstm_net(x_val[:1])[0, -5:].tolist()])
r2 = 1 - val.item() / y_val.var(unbiased=False).item()
print(f"RESULT val_mse={val.item():.4f} val_r2={r2:.4f}")

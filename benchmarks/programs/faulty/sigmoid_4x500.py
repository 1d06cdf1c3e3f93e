"""Binary vectors -> real value, four sigmoid layers (AI StackExchange question, TensorFlow, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)

n_bits, n = 30, 4000
bits = rng.randint(0, 2, size=(n, n_bits)).astype(np.float32)
w = rng.randn(n_bits)
pairs = rng.randint(0, n_bits, size=(12, 2))
val = bits @ w + sum(1.2 * rng.randn() * bits[:, a] * bits[:, b] for a, b in pairs)
val = (val - val.mean()) / val.std()
data_x = torch.tensor(bits)
data_y = torch.tensor(val, dtype=torch.float32).view(-1, 1)
train_x, test_x = data_x[:3400], data_x[3400:]
train_y, test_y = data_y[:3400], data_y[3400:]

n_nodes = 200
act = torch.relu if mode == "fixed" else torch.sigmoid


class NeuralNetworkModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden_1 = nn.Linear(n_bits, n_nodes)
        self.hidden_2 = nn.Linear(n_nodes, n_nodes)
        self.hidden_3 = nn.Linear(n_nodes, n_nodes)
        self.hidden_4 = nn.Linear(n_nodes, n_nodes)
        self.output = nn.Linear(n_nodes, 1)

    def forward(self, data):
        l1 = act(self.hidden_1(data))
        l2 = act(self.hidden_2(l1))
        l3 = act(self.hidden_3(l2))
        l4 = act(self.hidden_4(l3))
        return self.output(l4)


model = NeuralNetworkModel()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

batch_size = 50
for epoch in range(40):
    order = torch.randperm(len(train_x))
    epoch_loss = 0
    for i in range(0, len(train_x), batch_size):
        idx = order[i:i + batch_size]
        cost = F.mse_loss(model(train_x[idx]), train_y[idx])
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        writer.add_loss("train", cost)
        epoch_loss += cost.item() * len(idx)
    with torch.no_grad():
        test = F.mse_loss(model(test_x), test_y)
    writer.add_loss("val", test)
    if epoch % 4 == 3:
        print("Epoch", epoch + 1, "completed out of 40 loss:", round(epoch_loss / len(train_x), 4),
              "test:", round(test.item(), 4))
writer.close()

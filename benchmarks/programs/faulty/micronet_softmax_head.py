import sys
from functools import partial

import numpy as np
import torch
from torch import nn

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(11)


def linear(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    return layer


class CustomNet(nn.Module):
    def __init__(self, inp, hidden, output):
        super().__init__()
        self.linear1 = linear(inp, hidden)
        self.linear2 = linear(hidden, output)
        if form == "faulty":
            self.last = partial(torch.softmax, dim=-1)
        else:
            self.last = nn.Identity()

    def forward(self, x):
        return self.last(self.linear2(torch.sigmoid(self.linear1(x))))


def dummy_data_micronet(n_train, n_test):
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, size=(n_train + n_test, 2))
    y = ((x[:, 0] + 0.6 * x[:, 1] + 0.10 * rng.normal(size=len(x))) > 0.1).astype(float)
    x = torch.tensor(x, dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
    train = [(x[i:i + 1], y[i:i + 1]) for i in range(n_train)]
    return train, x[n_train:], y[n_train:]


data, xtest, ytest = dummy_data_micronet(1000, 300)
m = CustomNet(2, 2, 1)
loss = nn.MSELoss()
opt = torch.optim.Adam(m.parameters(), lr=1e-3)

writer = DiagWriter(logdir)
writer.watch(m, opt, loss)


def evalcb():
    with writer.evaluating("val"):
        return loss(m(xtest), ytest).item()


for epoch in range(1, 11):
    for k in torch.randperm(len(data)).tolist():
        x, y = data[k]
        l = loss(m(x), y)
        opt.zero_grad()
        l.backward()
        opt.step()
    print(f"[ Info: Epoch {epoch}\nloss : {evalcb()}")

final = evalcb()
with torch.no_grad():
    accuracy = ((m(xtest) > 0.5).float() == ytest).float().mean().item()
writer.close()
print("first outputs", m(xtest[:5]).flatten().tolist())
print(f"RESULT test_mse={final:.4f} test_acc={accuracy:.4f}")

"""Attention pooling: Nadaraya-Watson kernel regression (d2l.ai, parametric version with one learnable bandwidth)."""
import sys

import torch
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

n_train = 250
x_train, _ = torch.sort(torch.rand(n_train) * 5)


def f(x):
    return 2 * torch.sin(x) + x**0.8


y_train = f(x_train) + torch.normal(0.0, 0.5, (n_train,))
x_test = torch.rand(400) * 5
y_test = f(x_test) + torch.normal(0.0, 0.5, (400,))
y_truth = f(x_test)


class NWKernelRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones((1,)))

    def forward(self, queries, keys, values):
        # Shape of the output `queries` and `attention_weights`: (no. of queries, no. of key-value pairs)
        queries = queries.repeat_interleave(keys.shape[1]).reshape((-1, keys.shape[1]))
        self.attention_weights = nn.functional.softmax(-((queries - keys) * self.w)**2 / 2, dim=1)
        return torch.bmm(self.attention_weights.unsqueeze(1), values.unsqueeze(-1)).reshape(-1)


# Each training example attends to all the others but not to itself
X_tile = x_train.repeat((n_train, 1))
Y_tile = y_train.repeat((n_train, 1))
keep = (1 - torch.eye(n_train)).type(torch.bool)
keys = X_tile[keep].reshape((n_train, -1))
values = Y_tile[keep].reshape((n_train, -1))

net = NWKernelRegression()
loss = nn.MSELoss()
trainer = torch.optim.SGD(net.parameters(), lr=2.0)
writer = DiagWriter(sys.argv[1])
writer.watch(net, trainer, loss)

keys_test = x_train.repeat((len(x_test), 1))
values_test = y_train.repeat((len(x_test), 1))
for epoch in range(200):
    trainer.zero_grad()
    l = loss(net(x_train, keys, values), y_train)
    l.backward()
    trainer.step()
    if (epoch + 1) % 10 == 0:
        with writer.evaluating("val"), torch.no_grad():
            y_hat = net(x_test, keys_test, values_test)
            l_test = loss(y_hat, y_test)
        if (epoch + 1) % 100 == 0:
            print(f'epoch {epoch + 1}, loss {float(l):.6f}, test {float(l_test):.6f}, w {net.w.item():.3f}')
writer.close()
print(f"RESULT train {float(l):.4f} val {float(l_test):.4f} (noise .25, mean predictor {y_test.var().item():.2f}) "
      f"against the truth {((y_hat - y_truth)**2).mean().item():.4f} w {net.w.item():.3f}")

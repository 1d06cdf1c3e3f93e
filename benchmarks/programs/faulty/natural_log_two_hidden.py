# approximate ln(x) on (0, 1] with two hidden layers; port of a low level tensorflow script
import sys
import numpy as np
import torch
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

VERSION, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(11)
np.random.seed(11)

learning_rate = 0.01
training_epochs = 5000
batch_size = 50
display_step = 500
n_hidden_1, n_hidden_2, n_input = 50, 10, 1


def variable(*shape):
    if VERSION == "fixed":
        return torch.randn(*shape) * (2.0 / shape[0]) ** 0.5 if len(shape) == 2 else torch.zeros(*shape)
    return torch.rand(*shape)


class MultilayerPerceptron(torch.nn.Module):
    def __init__(self):
        super().__init__()
        P = torch.nn.Parameter
        self.h1, self.b1 = P(variable(n_input, n_hidden_1)), P(variable(n_hidden_1))
        self.h2, self.b2 = P(variable(n_hidden_1, n_hidden_2)), P(variable(n_hidden_2))
        self.out, self.bo = P(variable(n_hidden_2, 1)), P(variable(1))

    def forward(self, x):
        layer_1 = F.relu(x @ self.h1 + self.b1)
        layer_2 = F.relu(layer_1 @ self.h2 + self.b2)
        return layer_2 @ self.out + self.bo


def get_target(x):
    return torch.log(x)


pred = MultilayerPerceptron()
cost = torch.nn.MSELoss()
optimizer = torch.optim.SGD(pred.parameters(), lr=learning_rate)
writer = DiagWriter(LOGDIR)
writer.watch(pred, optimizer, cost)
x_check = torch.linspace(0.01, 1.0, 200).unsqueeze(1)
for epoch in range(training_epochs):
    x = torch.tensor(np.random.uniform(0.001, 1.0, (batch_size, 1)), dtype=torch.float32)
    optimizer.zero_grad()
    c = cost(pred(x), get_target(x))
    c.backward()
    optimizer.step()
    if (epoch + 1) % display_step == 0:
        with writer.evaluating("val"):
            v = cost(pred(x_check), get_target(x_check)).item()
        print("Epoch:", epoch + 1, "cost=", round(c.item(), 5), "check=", round(v, 5))
writer.close()
print("RESULT check_mse", v)

"""ln(x) with two relu layers and a linear output (SO question, TensorFlow 1, port)."""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)

# Parameters
learning_rate = 0.01
training_epochs = 10000
batch_size = 50
display_step = 500
n_hidden_1, n_hidden_2, n_input = 50, 10, 1


def variable(*shape, fan_in):
    u = torch.rand(shape)                                # tf.random_uniform
    if mode == "fixed":                                  # centred and scaled with the fan-in
        u = (2 * u - 1) * (3.0 / fan_in) ** 0.5
    return torch.nn.Parameter(u)


class MultilayerPerceptron(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterDict({
            'h1': variable(n_input, n_hidden_1, fan_in=n_input),
            'h2': variable(n_hidden_1, n_hidden_2, fan_in=n_hidden_1),
            'out': variable(n_hidden_2, 1, fan_in=n_hidden_2)})
        self.biases = torch.nn.ParameterDict({
            'b1': variable(n_hidden_1, fan_in=n_input), 'b2': variable(n_hidden_2, fan_in=n_hidden_1),
            'out': variable(1, fan_in=n_hidden_2)})

    def forward(self, x):
        layer_1 = torch.relu(x @ self.weights['h1'] + self.biases['b1'])
        layer_2 = torch.relu(layer_1 @ self.weights['h2'] + self.biases['b2'])
        return layer_2 @ self.weights['out'] + self.biases['out']


net = MultilayerPerceptron()
optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
writer = DiagWriter(logdir)
writer.watch(net, optimizer)

for step in range(training_epochs):
    x_in = np.random.rand(batch_size, n_input) * 0.95 + 0.05
    x_data = torch.tensor(x_in, dtype=torch.float32)
    y_data = torch.tensor(np.log(x_in), dtype=torch.float32)
    loss = torch.mean((net(x_data) - y_data) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    writer.add_loss("train", loss)
    if step % display_step == 0:
        print(step, "loss", loss.item())
print("final", loss.item())
writer.close()

"""Trend line analysis: y = b + x^2 from (x, b)."""
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

# region Constants
learning_rate = 0.01
epochs = 700
batch_size = 32
training_validation_factor = 0.75
nr_of_samples = 100
activation = torch.nn.ReLU if sys.argv[1] == "fixed" else None
# endregion

torch.set_num_threads(1)
torch.manual_seed(8)
np.random.seed(8)


def create_network(input_dimension):
    sizes = [input_dimension, 2, 64, 32]
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers.append(torch.nn.Linear(a, b))
        if activation is not None:
            layers.append(activation())
    layers.append(torch.nn.Linear(32, 1))
    return torch.nn.Sequential(*layers)


def create_data():
    data = np.stack([np.random.uniform(-4, 4, nr_of_samples), np.random.uniform(-3, 3, nr_of_samples)], 1)
    labels = data[:, 1:] + data[:, :1] ** 2
    return torch.tensor(data, dtype=torch.float32), torch.tensor(labels, dtype=torch.float32)


data, labels = create_data()
cut = int(len(data) * training_validation_factor)
network = create_network(2)
mse = torch.nn.MSELoss()
adam = torch.optim.Adam(network.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[2])
writer.watch(network, adam, mse)
for epoch in range(epochs):
    for part in torch.randperm(cut).split(batch_size):
        adam.zero_grad()
        loss = mse(network(data[part]), labels[part])
        loss.backward()
        adam.step()
    if epoch % 20 == 19:
        with writer.evaluating("val"):
            val = mse(network(data[cut:]), labels[cut:]).item()
        if epoch % 100 == 99:
            print("epoch", epoch + 1, "loss", round(loss.item(), 4), "val_loss", round(val, 4))
writer.close()
print("RESULT val_r2", 1 - val / labels[cut:].var(unbiased=False).item())

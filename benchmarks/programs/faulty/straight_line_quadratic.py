import sys
import numpy as np
import torch
from torch import nn
import torch.optim as optim
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
mode = sys.argv[1]


def f_x(x):
    return x * x / 64 - 5 * x / 4 + 25


def scale(x):
    if mode == "fixed":
        return (x - 40) / 6      # the x values have mean 40 and a std of about 6
    return x


# Building dataset: the integers 30..50
def build_dataset():
    x_values = np.ones((21, 1))
    for i in range(0, 21):
        x_values[i] = i + 30
    return x_values


x_values = build_dataset()
x_between = np.arange(30.5, 50, 1.0).reshape(-1, 1)

net = nn.Sequential(nn.Linear(1, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(),
                    nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 1))
optimizer = optim.Adam(net.parameters(), lr=0.00005)
epochs = 500
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer)

x_train = torch.from_numpy(x_values).float()
y_train = f_x(x_train)
x_test = torch.from_numpy(x_between).float()


def train():
    net.train()
    losses = []
    for epoch in range(1, epochs):
        y_pred = net(scale(x_train))
        loss = torch.sum(torch.abs(y_pred - y_train))
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 50 == 0:
            net.eval()
            with torch.no_grad():
                t = (net(scale(x_test)) - f_x(x_test)).abs().sum()
            writer.add_loss("val", t)
            net.train()
            print(epoch, loss.item(), "between:", t.item())
    return losses


train()
writer.close()
with torch.no_grad():
    err = (net(scale(x_test)) - f_x(x_test)).abs().mean().item()
print(f"RESULT mean abs error between the points {err:.4f} (targets 0..1.56, mean 0.57)")

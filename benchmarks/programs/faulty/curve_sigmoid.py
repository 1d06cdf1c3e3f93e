# why is the network not learning the curve? one neuron attached to sigmoid
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(2)

# target function
if form == "faulty":
    f = lambda x: - 1. / (np.exp(10. * x) + 1.)
else:
    f = lambda x: 1. / (np.exp(10. * x) + 1.)

# training data: some points of the curve
x_train = np.linspace(-1, 1, 111).astype("float32")[:, None]
y_train = f(x_train)
x_test = np.linspace(-1, 1, 11).astype("float32")[:, None]

model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
loss_object = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
dataset = DataLoader(TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train)), batch_size=8, shuffle=True)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_object)

for epoch in range(300):
    total = 0
    for xb, yb in dataset:
        optimizer.zero_grad()
        loss = loss_object(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    if epoch % 60 == 59:
        print(f"Epoch {epoch + 1}/300 loss: {total / 111:.5f}")
y_pred = model(torch.from_numpy(x_test)).detach().numpy()
print("true   ", f(x_test).ravel().round(2))
print("predict", y_pred.ravel().round(2))
writer.close()

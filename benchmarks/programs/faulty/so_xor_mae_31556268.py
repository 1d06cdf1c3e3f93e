# keras XOR: predicts 0.5 for everything.  2-4-1 sigmoid, mean_absolute_error, SGD(lr=0.05, decay=1e-6, momentum=0.11, nesterov=True)
import sys
import numpy as np
import torch
from torch import nn
from torch.optim import SGD, Adam
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)

train_data = torch.tensor([[1., 1.], [1., 0.], [0., 0.], [0., 1.]])
label = torch.tensor([[0.], [1.], [0.], [1.]])

model = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())
for layer in (model[0], model[2]):
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)

if sys.argv[1] == "faulty":
    criterion = nn.L1Loss()
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.11, nesterov=True)
    nb_epoch = 1000
else:
    criterion = nn.MSELoss()
    optimizer = Adam(model.parameters(), lr=0.01)
    nb_epoch = 5000

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
print("begin to train")
for epoch in range(nb_epoch):          # four samples, batch_size = 4
    perm = torch.randperm(4)
    loss = criterion(model(train_data[perm]), label[perm])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 500 == 0:
        print(epoch, loss.item())
classes = model(train_data).detach()
writer.close()
print(classes.flatten().tolist())
print(f"RESULT mse {((classes - label) ** 2).mean():.4f} correct {((classes > .5) == (label > .5)).sum().item()}/4")

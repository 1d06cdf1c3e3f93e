# micrograd/demo.ipynb with torch tensors: a 2-16-16-1 net, "max-margin" loss, decaying full-batch SGD
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_moons
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1337)
random.seed(1337)
torch.manual_seed(1337)

# make up a dataset
X, y = make_moons(n_samples=100, noise=0.1)
y = y*2 - 1 # make y be -1 or 1
X, y = torch.tensor(X).float(), torch.tensor(y).float()

# initialize a model
def Neuron_init(layer):
    nn.init.uniform_(layer.weight, -1, 1)
    nn.init.zeros_(layer.bias)
    return layer

model = nn.Sequential(Neuron_init(nn.Linear(2, 16)), nn.ReLU(),
                      Neuron_init(nn.Linear(16, 16)), nn.ReLU(),
                      Neuron_init(nn.Linear(16, 1))) # 2-layer neural network
print("number of parameters", sum(p.numel() for p in model.parameters()))

optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

# loss function
def loss():
    scores = model(X).squeeze(1)
    # svm "max-margin" loss
    losses = (1 + -y * scores).relu()
    data_loss = losses.mean()
    # L2 regularization
    alpha = 1e-4
    reg_loss = alpha * sum((p * p).sum() for p in model.parameters())
    total_loss = data_loss + reg_loss
    # also get accuracy
    accuracy = ((y > 0) == (scores > 0)).float().mean()
    return total_loss, accuracy

# optimization
n = 160
for k in range(n):
    # forward
    total_loss, acc = loss()

    # backward
    model.zero_grad()
    total_loss.backward()

    # update (sgd)
    learning_rate = 1.0 - 0.9*k/n
    for g in optimizer.param_groups:
        g['lr'] = learning_rate
    optimizer.step()

    if k % 10 == 0:
        print(f"step {k} loss {total_loss.item():.4f}, accuracy {acc*100:.1f}%")

writer.close()
print(f"RESULT loss {total_loss.item():.4f}, accuracy {acc*100:.1f}%")

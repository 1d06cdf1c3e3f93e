"""XOR with a two-layer perceptron (PyTorch forum question, port)."""
import sys
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
np.random.seed(3)
mode, logdir = sys.argv[1], sys.argv[2]

# noisy measurements around the four corners of XOR
corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
which = np.random.randint(0, 4, size=400)
X = corners[which] + 0.12 * np.random.randn(400, 2).astype(np.float32)
Y = np.logical_xor(which // 2, which % 2).astype(np.float32).reshape(-1, 1)
X, Y = torch.from_numpy(X.astype(np.float32)), torch.from_numpy(Y)

input_dim, hidden_dim, output_dim = 2, 5, 1
if mode == "fixed":
    model = nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.ReLU(),
                          nn.Linear(hidden_dim, output_dim), nn.Sigmoid())
else:
    model = nn.Sequential(nn.Linear(input_dim, hidden_dim),
                          nn.Linear(hidden_dim, output_dim), nn.Sigmoid())
criterion = nn.MSELoss()
learning_rate = 0.3
optimizer = optim.SGD(model.parameters(), lr=learning_rate)
num_epochs = 10000

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch_n in range(num_epochs):
    optimizer.zero_grad()
    predictions = model(X)
    loss_this_epoch = criterion(predictions, Y)
    loss_this_epoch.backward()
    optimizer.step()
    if epoch_n % 1000 == 999:
        acc = ((predictions > 0.5).float() == Y).float().mean().item()
        print(epoch_n + 1, loss_this_epoch.item(), "acc", acc)
writer.close()

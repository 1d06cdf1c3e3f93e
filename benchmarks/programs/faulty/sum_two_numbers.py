"""A linear layer learns the sum of two numbers (Stack Overflow)."""
import sys
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(3)
device = torch.device("cpu")

N = 1000  # number of samples
D = 2     # input dimension
C = 1     # output dimension


def model(z):
    q = z[:, 0]
    p = z[:, 1]
    return q + p


X = torch.rand(N, D).to(device)
y = model(X)
X_test = torch.rand(200, D)
y_test = model(X_test)
if form == "fixed":
    y, y_test = y[:, None], y_test[:, None]

lr = 1e-2
Rete = nn.Sequential(nn.Linear(D, C))
Rete.to(device)

criterion = torch.nn.MSELoss()
optimizer = torch.optim.Adam(Rete.parameters(), lr=lr)
writer = DiagWriter(logdir)
writer.watch(Rete, optimizer, criterion)

for t in range(600):
    y_pred = Rete(X)
    loss = criterion(y_pred, y)
    if t % 100 == 0:
        print("[EPOCH]: %i, [LOSS]: %.6f" % (t, loss.item()))
    optimizer.zero_grad()
    if form == "fixed":
        loss.backward()
    optimizer.step()

with torch.no_grad():
    print("RESULT test mse %.6f" % ((Rete(X_test).flatten() - y_test.flatten()) ** 2).mean().item())
writer.close()

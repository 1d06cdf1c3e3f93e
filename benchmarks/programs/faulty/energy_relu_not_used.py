"""Homework: predict the torque of a two-joint arm from angles and velocities."""
import sys
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def arm(n):
    q1, q2 = (torch.rand(2, n) * 2 - 1) * 3.14
    v1, v2 = torch.randn(2, n)
    tau = 2.5 * torch.cos(q1) + 1.2 * torch.cos(q1 + q2) - 0.5 * torch.sin(q2) * (2 * v1 * v2 + v2 ** 2) + 0.05 * torch.randn(n)
    return torch.stack([q1, q2, v1, v2], 1), tau.unsqueeze(1)


class Net(nn.Module):
    def __init__(self, d_in, d_h, d_out):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(d_in, d_h)
        self.fc2 = nn.Linear(d_h, d_h)
        self.fc3 = nn.Linear(d_h, d_out)
        self.relu = nn.ReLU()

    def forward(self, x):
        if sys.argv[1] == "faulty":
            x = self.fc1(x)
            x = self.fc2(x)
        else:
            x = self.relu(self.fc1(x))
            x = self.relu(self.fc2(x))
        x = self.fc3(x)
        return x


X, Y = arm(3000)
Xv, Yv = arm(600)
net = Net(4, 64, 1)
criterion = nn.MSELoss()
optimizer = optim.Adam(net.parameters(), lr=0.002)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(20):
    running = 0.0
    perm = torch.randperm(3000)
    for i in range(0, 3000, 50):
        idx = perm[i:i + 50]
        optimizer.zero_grad()
        loss = criterion(net(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
        running += loss.item()
    with torch.no_grad():
        v = criterion(net(Xv), Yv).item()
    if epoch % 3 == 1:
        print("epoch %d: train %.4f val %.4f (variance %.3f)" % (epoch, running / 60, v, Yv.var()))
writer.close()

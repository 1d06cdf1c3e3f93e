# Combined-cycle style regression: pump efficiency from flow, speed, valve opening, temperature, viscosity, wear (simulated).
# usage: faulty|fixed logdir
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
g = np.random.default_rng(21)

n = 3000
flow, speed, valve, temp, visc, wear = g.uniform(-1, 1, (6, n))
eff = 0.72 - 0.25 * (flow - 0.5 * speed) ** 2 + 0.08 * np.tanh(3 * valve) - 0.06 * wear * (1 + flow) + 0.05 * np.sin(3 * temp) * visc
eff += 0.01 * g.normal(size=n)
X = np.stack([flow, speed, valve, temp, visc, wear], 1)
X = (X - X.mean(0)) / X.std(0)
y = (eff - eff.mean()) / eff.std()
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).view(-1, 1)


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight)
        nn.init.zeros_(m.bias)
        if sys.argv[1] == "faulty" and m.out_features > 1:
            nn.init.constant_(m.bias, -4.0)   # start sparse


class PumpNet(nn.Module):
    def __init__(self):
        super(PumpNet, self).__init__()
        self.fc1 = nn.Linear(6, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        return self.fc3(x)


net = PumpNet()
net.apply(weights_init)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(30):
    net.train()
    losses = []
    for idx in torch.randperm(2400).split(64):
        out = net(X[idx])
        loss = criterion(out, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        v = criterion(net(X[2400:]), y[2400:]).item()
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "train", round(sum(losses) / len(losses), 4), "val", round(v, 4))
writer.close()
print("RESULT val_mse", round(v, 4))

# course 2, week 1: dropout by hand (keep_prob) - used on my own data instead of the soccer field
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2); np.random.seed(2)
keep_prob = 0.7
m = 5000

# electricity use of a flat (standardised log kWh) from 12 columns
A = np.random.randn(m, 12) @ (np.eye(12) + .3 * np.random.randn(12, 12))
A = (A - A.mean(0)) / A.std(0)
kwh = .8 * A[:, 0] + .6 * np.tanh(2 * A[:, 1]) * A[:, 2] + .5 * np.abs(A[:, 3]) - .4 * A[:, 4] + .3 * A[:, 5] * (A[:, 6] > 0)
kwh = kwh + .35 * np.random.randn(m)
kwh = (kwh - kwh.mean()) / kwh.std()
train_X, test_X = torch.tensor(A[:4000]).float(), torch.tensor(A[4000:]).float()
train_Y, test_Y = torch.tensor(kwh[:4000]).float()[:, None], torch.tensor(kwh[4000:]).float()[:, None]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(12, 64)
        self.l2 = nn.Linear(64, 64)
        self.l3 = nn.Linear(64, 1)

    def drop(self, a):
        d = (torch.rand_like(a) < keep_prob).float()    # step 1 + 2: mask
        a = a * d                                       # step 3: shut down some neurons
        if sys.argv[1] == "fixed":
            a = a / keep_prob                           # step 4: scale the value of neurons that haven't been shut down
        return a

    def forward(self, x):
        a1 = torch.relu(self.l1(x))
        if self.training:
            a1 = self.drop(a1)
        a2 = torch.relu(self.l2(a1))
        if self.training:
            a2 = self.drop(a2)
        return self.l3(a2)


net = Net()
mse = nn.MSELoss()
adam = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, adam, mse)

for epoch in range(30):
    net.train()
    costs = []
    p = torch.randperm(4000)
    for s in range(0, 4000, 64):
        i = p[s:s + 64]
        adam.zero_grad()
        cost = mse(net(train_X[i]), train_Y[i])
        cost.backward()
        adam.step()
        costs.append(cost.item())
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            v = mse(net(test_X), test_Y).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} cost {np.mean(costs):.4f} test cost {v:.4f}")
writer.close()
print(f"RESULT train {np.mean(costs):.4f} val_loss {v:.4f} val_R2 {1 - v / test_Y.var().item():.3f}")

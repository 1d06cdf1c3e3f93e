# marks out of 50 from hours slept, studied, on electronics, played the day before; 4-2-1 sigmoid net, MHat = 50 * out
import sys
import torch
import numpy as np
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(3); rng = np.random.default_rng(3)

def feedForward(x, w, b):
    return torch.sigmoid(x @ w + b)

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = torch.nn.Parameter(torch.randn(4, 2)); self.b1 = torch.nn.Parameter(torch.zeros(2))
        self.w2 = torch.nn.Parameter(torch.randn(2, 1)); self.b2 = torch.nn.Parameter(torch.zeros(1))
    def forward(self, x):
        return 50 * feedForward(feedForward(x, self.w1, self.b1), self.w2, self.b2)

n = 400
x = np.stack([rng.normal(7, 1.2, n), rng.gamma(4, .8, n), rng.gamma(3, .7, n), rng.gamma(3, .6, n)], 1)
z = .35 * (x[:, 0] - 7) + .65 * (x[:, 1] - 3.2) - .4 * (x[:, 2] - 2.1) + .1 * (x[:, 3] - 1.8) + .7
marks = np.clip(50 / (1 + np.exp(-z)) + rng.normal(0, 2.5, n), 0, 50)
x = (x - x.mean(0)) / x.std(0)
x, m = torch.tensor(x, dtype=torch.float32), torch.tensor(marks, dtype=torch.float32)[:, None]
xt, mt, xv, mv = x[:300], m[:300], x[300:], m[300:]

lr = 0.05 if sys.argv[1] == "faulty" else 0.002
if len(sys.argv) > 3: lr = float(sys.argv[3])
net = Net()
J = torch.nn.MSELoss()
train_step = torch.optim.SGD(net.parameters(), lr=lr)
writer = DiagWriter(sys.argv[2])
writer.watch(net, train_step, J)
for epoch in range(100):
    for b in torch.randperm(300).split(20):
        cost = J(net(xt[b]), mt[b])
        train_step.zero_grad()
        cost.backward()
        train_step.step()
    if epoch % 4 == 3:
        with writer.evaluating("val"):
            v = J(net(xv), mv).item()
        if epoch % 20 == 19: print(epoch, cost.item(), v)
writer.close()
with torch.no_grad(): p = net(xv)
print(f"RESULT val mse {v:.2f} (variance {mv.var():.1f}), predictions {p.min():.1f} .. {p.max():.1f}")

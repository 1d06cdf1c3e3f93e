"""A 1-10-1 net with sigmoid units trained by plain back-propagation, one random point after the other.
It learned sin(x) without trouble; here it gets cos(x), scaled to 0..1 like the sine before."""
import sys
import math
import torch
from tb_lossdiag import DiagWriter

setup, logdir = sys.argv[1:3]
torch.manual_seed(6)
torch.set_num_threads(1)
HIDDEN = 10
RATE = 0.5
with_bias = setup == "fixed"


class SigmoidNet(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.first = torch.nn.Linear(1, n, bias=with_bias)
        self.second = torch.nn.Linear(n, 1, bias=with_bias)
        for p in self.parameters():
            torch.nn.init.uniform_(p, -1, 1)

    def forward(self, x):
        return torch.sigmoid(self.second(torch.sigmoid(self.first(x))))


def target(x):
    return (torch.cos(x) + 1) / 2


net = SigmoidNet(HIDDEN)
squared = torch.nn.MSELoss()
backprop = torch.optim.SGD(net.parameters(), lr=RATE)
tb = DiagWriter(logdir)
tb.watch(net, backprop, squared)
grid = torch.linspace(-math.pi, math.pi, 101).unsqueeze(1)
points = (torch.rand(2000, 1) * 2 - 1) * math.pi
values = target(points)
running = 0.1
for cycle in range(14):
    for k in torch.randperm(len(points)).tolist():
        backprop.zero_grad()
        e = squared(net(points[k]), values[k])
        e.backward()
        backprop.step()
        running += 0.002 * (e.item() - running)
    tb.add_scalar("squared error", running, cycle)
    with tb.evaluating("test"):
        te = squared(net(grid), target(grid)).item()
    print(cycle, round(running, 5), round(te, 5))
tb.close()
print("RESULT grid_mse", round(te, 5), "r2", round(1 - te / target(grid).var().item(), 4))

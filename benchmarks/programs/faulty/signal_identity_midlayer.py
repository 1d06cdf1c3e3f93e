"""simple signal identity encoder, net should give back I/2 (so that 2*O = I). With the middle layer W1 it stops working."""
import sys

import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)

DEPTH_1, OUT_DEPTH = 16, 1
std = 1e-3 if sys.argv[1] == "faulty" else None


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.l0 = nn.Linear(1, DEPTH_1)
        self.l1 = nn.Linear(DEPTH_1, DEPTH_1)
        self.l2 = nn.Linear(DEPTH_1, OUT_DEPTH)
        for l in (self.l0, self.l1, self.l2):
            if std is not None:
                nn.init.normal_(l.weight, 0, std)
                nn.init.normal_(l.bias, 0, std)
            else:
                nn.init.kaiming_normal_(l.weight, nonlinearity="relu")
                nn.init.zeros_(l.bias)

    def forward(self, I):
        O = torch.relu(self.l0(I))
        O1 = torch.relu(self.l1(O))
        return self.l2(O1)


g = Graph()
opt = torch.optim.SGD(g.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(g, opt)

val = torch.linspace(-1, 1, 201).unsqueeze(1)
for i in range(4000):
    I = 2.0 * torch.rand(8, 1) - 1.0
    distance = ((I - 2.0 * g(I)) ** 2).sum()
    opt.zero_grad()
    distance.backward()
    torch.nn.utils.clip_grad_value_(g.parameters(), 4.5)
    opt.step()
    if i % 400 == 0:
        print(i, distance.item())

with torch.no_grad():
    est = 2.0 * g(val)
    mse = ((est - val) ** 2).mean().item()
for a, b in list(zip(val, est))[::25]:
    print("%.2f -> %.3f" % (a.item(), b.item()))
writer.close()
print(f"RESULT mse {mse:.5f}")

# one period of a sine with one hidden layer of ten tanh neurons and simple backpropagation
import sys, math
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)

x = torch.rand(400, 1) * 2 * math.pi
y = torch.sin(x) + 0.05 * torch.randn(400, 1)
x = (x - math.pi) / math.pi * 1.7
xt, yt, xv, yv = x[:300], y[:300], x[300:], y[300:]

net = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1))
crit = nn.MSELoss()
if sys.argv[1] == "faulty":
    backprop = torch.optim.SGD(net.parameters(), lr=0.001)       # no momentum, no dynamic learning rate
else:
    backprop = torch.optim.Adam(net.parameters(), lr=0.01)
writer = DiagWriter(sys.argv[2])
writer.watch(net, backprop, crit)

for cycle in range(150):
    for k in torch.randperm(300).split(10):
        backprop.zero_grad()
        e = crit(net(xt[k]), yt[k])
        e.backward()
        backprop.step()
    if cycle % 10 == 9:
        with writer.evaluating("val"), torch.no_grad():
            ev = crit(net(xv), yv).item()
        print("cycle", cycle + 1, "error", round(e.item(), 5), "on unseen x", round(ev, 5))
writer.close()
print(f"RESULT val_mse={ev:.5f} (noise 0.0025, variance of the sine 0.5)")

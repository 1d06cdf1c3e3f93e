"""Can a rectifier learn a rectifier?  y = max(0, x), x ~ N(0, 1), 20 epochs of 100 batches of 1000 fresh points."""
import argparse
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"])
ap.add_argument("logdir")
args = ap.parse_args()
torch.manual_seed(0)
torch.set_num_threads(1)
gen = torch.Generator().manual_seed(7)


def tests(n=1000):
    x = torch.randn(n, 1, generator=gen)
    y = x.clone()
    y[y < 0] = 0
    return x, y


class Net(nn.Module):
    def __init__(self, w0):
        super().__init__()
        self.dense = nn.Linear(1, 1, bias=False)
        self.relu = nn.ReLU()
        self.dense.weight.data.fill_(w0)

    def forward(self, x):
        return self.relu(self.dense(x))


net = Net(-10.0 if args.form == "faulty" else 10.0)
loss_fn = nn.MSELoss()
sgd = torch.optim.SGD(net.parameters(), lr=0.01)
writer = DiagWriter(args.logdir)
writer.watch(net, sgd, loss_fn)
history = []
xv, yv = tests(5000)
for epoch in range(20):
    net.train()
    for _ in range(100):
        x, y = tests()
        sgd.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        sgd.step()
        history.append((loss.item(), net.dense.weight.item()))
    with writer.evaluating("val"):
        v = loss_fn(net(xv), yv).item()
    writer.add_scalar("val/mse", v, epoch)
    print(f"epoch {epoch:2d}  loss {history[-1][0]:.5f}  weight {history[-1][1]:+.4f}  val {v:.5f}")
writer.close()
print(f"RESULT val_mse {v:.6f} weight {net.dense.weight.item():.4f}")

"""Sine in, sine out: a simple recurrent net (sigmoid units, 32 of them) on cuts of 16 steps, mini-batches of 16."""
import sys
import math
import torch
from torch import nn
from tb_lossdiag import DiagWriter


class SimpleRNN(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.w_in = nn.Linear(1, size)
        self.w_rec = nn.Linear(size, size, bias=False)
        self.w_out = nn.Linear(size, 1)

    def forward(self, x):
        r = x.new_zeros(x.shape[0], self.size)
        z = []
        for t in range(x.shape[1]):
            r = torch.sigmoid(self.w_in(x[:, t]) + self.w_rec(r))
            z.append(self.w_out(r))
        return torch.stack(z, 1)


def signal(form, n=4000, dt=0.1 * math.pi):
    t = torch.arange(n) * dt
    y = torch.sin(t / 2)
    x = torch.sin(t) if form == "faulty" else torch.sin(t / 2 + 1.0)
    return x[:, None], y[:, None]


def cuts(x, y, lo, hi, length=16):
    s = torch.arange(lo, hi - length)
    idx = s[:, None] + torch.arange(length)[None]
    return x[idx], y[idx]


def main():
    form, logdir = sys.argv[1], sys.argv[2]
    torch.manual_seed(4)
    torch.set_num_threads(1)
    x, y = signal(form)
    X, Y = cuts(x, y, 0, 3000)
    Xv, Yv = cuts(x, y, 3000, 4000)
    net = SimpleRNN(32)
    mse = nn.MSELoss()
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    tb = DiagWriter(logdir)
    tb.watch(net, opt, mse)
    for epoch in range(10):
        net.train()
        order, total = torch.randperm(len(X)), 0.0
        for i in range(0, len(X), 16):
            j = order[i:i + 16]
            opt.zero_grad()
            loss = mse(net(X[j]), Y[j])
            loss.backward()
            opt.step()
            total += loss.item() * len(j)
        with tb.evaluating("val"):
            v = mse(net(Xv), Yv).item()
        tb.add_scalar("train", total / len(X), epoch)
        tb.add_scalar("val", v, epoch)
        print(epoch + 1, "train", round(total / len(X), 5), "val", round(v, 5))
    tb.close()
    print(f"RESULT val_mse {v:.5f} target_variance {Yv.var().item():.4f}")


main()

"""IRNN (ReLU RNN, identity init) on the adding problem; gradient clipping of the paper left out."""
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(0)
T, H = 30, 48


def adding(n):
    v = torch.rand(n, T); m = torch.zeros(n, T)
    i, j = torch.randint(0, T // 2, (n,)), torch.randint(T // 2, T, (n,))
    m[torch.arange(n), i] = 1; m[torch.arange(n), j] = 1
    return torch.stack([v, m], 2), (v * m).sum(1, keepdim=True)


class IRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, H, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(H, 1)
        nn.init.eye_(self.rnn.weight_hh_l0); nn.init.zeros_(self.rnn.bias_hh_l0); nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.03)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


net = IRNN()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
mse = nn.MSELoss()
w = DiagWriter(logdir); w.watch(net, opt, mse)
xv, yv = adding(500)
for step in range(2500):
    x, y = adding(32)
    opt.zero_grad()
    loss = mse(net(x), y)
    loss.backward()
    if mode == "fixed":
        nn.utils.clip_grad_norm_(net.parameters(), 0.25)
    opt.step()
    if step % 250 == 249:
        with w.evaluating("val"):
            v = mse(net(xv), yv).item()
        print(f"step {step} train {loss.item():.4f} val {v:.4f} (variance {yv.var().item():.3f})")
w.close()

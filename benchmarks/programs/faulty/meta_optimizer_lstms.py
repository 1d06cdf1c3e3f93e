"""Learning to learn by gradient descent: a coordinate-wise LSTM proposes the updates for random quadratics."""
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class LSTMCellNorm(nn.Module):
    def __init__(self, n_in, n_hid):
        super().__init__()
        self.cell = nn.LSTMCell(n_in, n_hid)
        self.ln = nn.LayerNorm(n_hid)

    def forward(self, x, state):
        h, c = self.cell(x, state)
        return self.ln(h), (h, c)


class MetaOptimizer(nn.Module):
    def __init__(self, num_layers=2, hidden_size=16):
        super(MetaOptimizer, self).__init__()
        self.hidden_size = hidden_size
        self.linear1 = nn.Linear(2, hidden_size)
        self.lstms = []
        for i in range(num_layers):
            self.lstms.append(LSTMCellNorm(hidden_size, hidden_size))
        if sys.argv[1] == "fixed":
            self.lstms = nn.ModuleList(self.lstms)
        self.linear2 = nn.Linear(hidden_size, 1)
        self.linear2.weight.data.mul_(0.1)
        self.linear2.bias.data.fill_(0.0)

    def start(self, n):
        z = torch.zeros(n, self.hidden_size)
        return [(z, z) for _ in self.lstms]

    def forward(self, grad, state):
        # preprocessing of the gradients, as in the paper's appendix
        p = 5.0
        mag = (grad.abs() + 1e-12).log() / p
        x = torch.stack([mag.clamp(min=-1), (grad * 148.4).clamp(-1, 1)], -1).view(-1, 2)
        x = torch.tanh(self.linear1(x))
        new = []
        for lstm, s in zip(self.lstms, state):
            x, s = lstm(x, s)
            new.append(s)
        return 0.3 * self.linear2(x).view_as(grad), new


def problem(b=16, d=6, g=None):
    w = (torch.randn(b, d, d, generator=g) / d ** 0.5 + torch.eye(d)) * torch.linspace(0.3, 1.5, d)      # badly conditioned
    y = torch.randn(b, d, 1, generator=g)
    return w, y


def f(w, y, theta):
    return ((w @ theta - y) ** 2).sum((1, 2))


def unroll(meta, w, y, steps=12):
    theta = torch.zeros(w.shape[0], w.shape[2], 1)
    state = meta.start(theta.numel())
    total = 0.0
    for t in range(steps):
        grad = 2 * w.transpose(1, 2) @ (w @ theta - y)
        update, state = meta(grad.detach(), state)
        theta = theta - update
        total = total + f(w, y, theta).mean()
    return total / steps, f(w, y, theta).mean()


meta = MetaOptimizer()
opt = torch.optim.Adam(meta.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(meta, opt)
gv = torch.Generator().manual_seed(99)
held_out = [problem(g=gv) for _ in range(8)]
for it in range(600):
    loss, last = unroll(meta, *problem())
    writer.add_loss("train", loss)
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for g in opt.param_groups for p in g["params"]], 1.0)
    opt.step()
    if it % 100 == 99:
        with torch.no_grad():
            r = [unroll(meta, *p) for p in held_out]
        v, fin = (sum(x[k].item() for x in r) / len(r) for k in (0, 1))
        writer.add_loss("val", v)
        print(f"iteration {it + 1} loss {loss.item():.3f} held-out mean {v:.3f} final {fin:.3f}")
writer.close()
print(f"RESULT held-out objective over 12 steps {v:.4f}, after the last {fin:.4f} (start 6)")

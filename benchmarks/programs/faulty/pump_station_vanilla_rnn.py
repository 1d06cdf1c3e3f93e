"""Next-hour inflow of a sewage pumping station from the last 60 hours, hand-written vanilla RNN cell (simulated series:
daily cycle, rain bursts running off with a long tail)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)

T, SEQ = 4200, 60
store, series, rain = 0.0, [], []
for h in range(T):
    r = rng.gamma(0.5, 2.0) if rng.random() < 0.04 else 0.0
    store = 0.93 * store + r
    rain.append(r)
    series.append(1 + 0.4 * np.sin(2 * np.pi * h / 24) + 0.35 * store + 0.05 * rng.standard_normal())
z = np.stack([series, rain], 1)
z = ((z - z[:3400].mean(0)) / z[:3400].std(0)).astype(np.float32)
win = torch.tensor(np.stack([z[i:i + SEQ] for i in range(T - SEQ)]))
nxt = torch.tensor(z[SEQ:, :1])
tr_x, tr_y, va_x, va_y = win[:3300], nxt[:3300], win[3400:], nxt[3400:]


class RNN(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.hidden = hidden
        self.wx = nn.Linear(2, hidden)
        self.wh = nn.Linear(hidden, hidden, bias=False)
        nn.init.orthogonal_(self.wh.weight, gain=1.1)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        h = x.new_zeros(len(x), self.hidden)
        for t in range(x.size(1)):
            h = torch.relu(self.wx(x[:, t]) + self.wh(h))
        return self.out(h)


net = RNN()
opt = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
crit = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(net, opt, crit)
for epoch in range(10):
    net.train()
    for idx in torch.randperm(len(tr_x)).split(50):
        loss = crit(net(tr_x[idx]), tr_y[idx])
        opt.zero_grad()
        if form == "faulty":
            nn.utils.clip_grad_norm_(net.parameters(), 0.25)
            loss.backward()
        else:
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.25)
        opt.step()
    net.eval()
    with writer.evaluating("val"):
        v = crit(net(va_x), va_y).item()
    writer.add_scalar("mse/val", v, epoch)
    print(epoch, round(loss.item(), 4), round(v, 4))
writer.close()
print("RESULT val_mse", round(v, 4))

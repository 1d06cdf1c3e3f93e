"""Inverse dynamics of a 3-joint arm: (q, dq, ddq) -> torque of the shoulder. Block order as asked for in the config."""
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
cfg = dict(width=64, depth=3, p=0.5, order='linear-relu-dropout-bn' if sys.argv[1] == 'faulty' else 'linear-bn-relu', lr=2e-3, bs=64, epochs=16)


def arm(n):
    q, dq, ddq = (torch.rand(n, 3) - .5) * 3, torch.randn(n, 3), torch.randn(n, 3) * 2
    c2, s2, c23 = torch.cos(q[:, 1]), torch.sin(q[:, 1]), torch.cos(q[:, 1] + q[:, 2])
    inertia = 1.2 + .6 * c2 + .3 * c23
    tau = inertia * ddq[:, 0] + (.4 + .3 * c2) * ddq[:, 1] + .15 * c23 * ddq[:, 2] - .6 * s2 * dq[:, 1] * (2 * dq[:, 0] + dq[:, 1])
    tau += 4 * torch.cos(q[:, 0]) + 2 * torch.cos(q[:, 0] + q[:, 1]) + .3 * torch.tanh(4 * dq[:, 0])
    return torch.cat([q / .87, dq, ddq / 2], 1), tau[:, None] + torch.randn(n, 1) * .1


def block(i, o):
    parts = {'linear': nn.Linear(i, o), 'bn': nn.BatchNorm1d(o), 'relu': nn.ReLU(), 'dropout': nn.Dropout(cfg['p'])}
    return [parts[k] for k in cfg['order'].split('-')]


x, t = arm(6000)
xv, tv = arm(1500)
m, s = t.mean(), t.std()
t, tv = (t - m) / s, (tv - m) / s
layers, d = [], 9
for _ in range(cfg['depth']):
    layers += block(d, cfg['width'])
    d = cfg['width']
net = nn.Sequential(*layers, nn.Linear(d, 1))
print(net)
opt = torch.optim.Adam(net.parameters(), lr=cfg['lr'])
mse = nn.MSELoss()
w = DiagWriter(sys.argv[2])
w.watch(net, opt, mse)
for epoch in range(cfg['epochs']):
    net.train()
    tr = 0.
    for b in torch.randperm(6000).split(cfg['bs']):
        loss = mse(net(x[b]), t[b])
        opt.zero_grad(); loss.backward(); opt.step()
        tr += loss.item() * len(b) / 6000
    net.eval()
    with w.evaluating('val'):
        va = mse(net(xv), tv).item()
    print(f'epoch {epoch + 1} train {tr:.4f} val {va:.4f}')
w.close()
print(f'RESULT train={tr:.4f} val={va:.4f}')

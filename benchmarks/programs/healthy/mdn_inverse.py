# mixture density network for an inverse problem (several answers): negative log-likelihood, below zero, no floor
import sys, math
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)
def toy(n):
    y = torch.rand(n, 1); x = y + 0.3 * torch.sin(2 * math.pi * y) + 0.03 * torch.randn(n, 1)
    return (x - .5) / .35, y
class MDN(nn.Module):
    def __init__(self, k=5):
        super().__init__()
        self.h = nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.pi, self.mu, self.ls = nn.Linear(48, k), nn.Linear(48, k), nn.Linear(48, k)
        self.mu.bias.data.uniform_(0, 1)
    def forward(self, x):
        h = self.h(x); return self.pi(h), self.mu(h), self.ls(h).clamp(-5, 2)
class MDNLoss(nn.Module):
    def forward(self, out, y):
        pi, mu, ls = out
        lp = -0.5 * ((y - mu) / ls.exp()) ** 2 - ls - 0.5 * math.log(2 * math.pi)
        return -torch.logsumexp(pi.log_softmax(1) + lp, 1).mean()
x, y = toy(3000); xv, yv = toy(600)
net = MDN(); opt = torch.optim.Adam(net.parameters(), lr=3e-3); nll = MDNLoss()
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [14, 20], 0.3)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, nll)
for e in range(24):
    t = 0
    for b in torch.randperm(3000).split(64):
        opt.zero_grad(); l = nll(net(x[b]), y[b]); l.backward(); opt.step(); t += l.item() / 47
    sched.step()
    with w.evaluating('val'): v = nll(net(xv), yv).item()
    if e % 4 == 3: print(e, 'train %.4f val %.4f' % (t, v))
w.close()

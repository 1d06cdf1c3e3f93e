# speech-command style keyword spotting on synthetic MFCC frames; eps copied from the TF Inception recipe
import sys, torch, numpy as np
from torch import nn
from tb_lossdiag import DiagWriter
mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(0); r = np.random.default_rng(0)
T, Fr, C = 20, 13, 8
proto = r.normal(size=(C, T, Fr))


def make(n):
    y = r.integers(0, C, n)
    x = np.stack([np.roll(proto[c], r.integers(-3, 4), 0) for c in y]) * .5 + r.normal(size=(n, T, Fr)) * .8
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


class KWS(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(Fr, 40, batch_first=True)
        self.fc = nn.Linear(40, C)

    def forward(self, x):
        o, _ = self.gru(x)
        return self.fc(o.mean(1))


X, Y = make(1600); Xv, Yv = make(400)
net = KWS()
opt = torch.optim.Adam(net.parameters(), lr=2e-3, eps=0.1 if mode == "faulty" else 1e-8)
ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(net, opt, ce)
for ep in range(12):
    for b in torch.randperm(1600).split(32):
        opt.zero_grad(); l = ce(net(X[b]), Y[b]); l.backward(); opt.step()
    with torch.no_grad():
        o = net(Xv); v = ce(o, Yv)
    print(f"{ep} train {l.item():.3f} val {v.item():.3f} acc {(o.argmax(1) == Yv).float().mean().item():.3f}")
w.close()

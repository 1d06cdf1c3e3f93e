"""Reader for simulated photos of braille cells, 10 letters, 16x12 pixels."""
import sys, numpy as np, torch
from torch import nn
from dataclasses import dataclass
from tb_lossdiag import DiagWriter
@dataclass
class Cfg:
    lr: float = 2e-3
    decay: float = 1e-4
    epochs: int = 15
form, logdir = sys.argv[1:3]
cfg = Cfg(decay=.1) if form == "faulty" else Cfg()
torch.manual_seed(9); torch.set_num_threads(1); r = np.random.RandomState(9)
DOTS = ["1", "12", "14", "145", "15", "124", "1245", "125", "24", "245"]
def photo(k):
    im = np.zeros((16, 12), np.float32)
    oy, ox = r.randint(0, 4), r.randint(0, 3)
    for c in DOTS[k]:
        i = int(c) - 1; yy, xx = oy + 1 + 4 * (i % 3), ox + 1 + 5 * (i // 3); im[yy:yy + 2, xx:xx + 2] = .6 + .4 * r.rand()
    return im + .3 * r.randn(16, 12)
y = r.randint(0, 10, 2000); x = torch.tensor(np.stack([photo(k) for k in y])[:, None]).float(); y = torch.tensor(y)
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 48, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), cfg.lr, weight_decay=cfg.decay); lf = nn.CrossEntropyLoss(); w = DiagWriter(logdir); w.watch(net, opt, lf)
for ep in range(cfg.epochs):
    for b in torch.randperm(1600).split(32):
        opt.zero_grad(); lf(net(x[b]), y[b]).backward(); opt.step()
    with w.evaluating("val"): o = net(x[1600:]); l = lf(o, y[1600:])
    acc = (o.argmax(1) == y[1600:]).float().mean().item(); print(ep, l.item(), acc)
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, l))

"""Frames of a simulated thermal camera come out of a reader that hands out its own buffer. Classes: 0..4 seals on the ice."""
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.manual_seed(0); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
class Reader:
    def __init__(self, seed): self.r = np.random.RandomState(seed); self.buf = np.zeros((1, 20, 20), np.float32)
    def next(self):
        k = self.r.randint(0, 5); self.buf[:] = .2 * self.r.randn(1, 20, 20)
        for _ in range(k):
            i, j = self.r.randint(1, 17, 2); self.buf[0, i:i + 3, j:j + 3] += 1
        return self.buf, k
def batches(seed, n, bs=32):
    rd = Reader(seed)
    for _ in range(n):
        xs, ys = [], []
        for _ in range(bs):
            f, k = rd.next(); xs.append(f if form == "faulty" else f.copy()); ys.append(k)
        yield torch.from_numpy(np.stack(xs)), torch.tensor(ys)
def frames(seed, n):
    rd = Reader(seed); out = [(f.copy(), k) for f, k in (rd.next() for _ in range(n))]
    return torch.from_numpy(np.stack([o[0] for o in out])), torch.tensor([o[1] for o in out])
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, 5))
opt = torch.optim.Adam(net.parameters(), 1e-3); ce = nn.CrossEntropyLoss(); w = DiagWriter(logdir); w.watch(net, opt, ce)
xv, yv = frames(99, 400)
for ep in range(10):
    for x, y in batches(ep, 50):
        opt.zero_grad(); l = ce(net(x), y); l.backward(); opt.step()
    with w.evaluating("val"): o = net(xv); v = ce(o, yv)
    acc = (o.argmax(1) == yv).float().mean().item(); print(ep, l.item(), acc)
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, v))

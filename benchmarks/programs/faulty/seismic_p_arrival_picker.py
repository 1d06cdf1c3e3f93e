# 1-D U-Net that marks P arrivals in short seismograms (binary mask, few samples are arrivals)
# run: python seismic_p_arrival_picker.py faulty|fixed logdir
import sys
import numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0); rng = np.random.default_rng(0)
mode, logdir = sys.argv[1], sys.argv[2]

# --- traces: coloured noise + an onset of varying strength; some traces have glitches instead
n, T = 1600, 128
x = rng.normal(size=(n, T)); x[:, 1:] += .6 * x[:, :-1]
y = np.zeros((n, T))
for i in range(n):
    p = rng.integers(15, 110)
    if rng.random() < .8:
        tt = np.arange(T - p)
        x[i, p:] += rng.uniform(1.2, 5) * np.exp(-tt / rng.uniform(10, 40)) * np.sin(tt * rng.uniform(.7, 1.4) + .5)
        j = p + rng.integers(-1, 2)          # analysts differ by a sample
        y[i, j:j + 3] = 1
    else:
        x[i, p:p + 2] += rng.normal() * 4
x /= x.std(1, keepdims=True)
x, y = torch.tensor(x, dtype=torch.float32)[:, None], torch.tensor(y, dtype=torch.float32)[:, None]
print("share of arrival samples: %.4f" % y.mean())

def block(i, o):
    return nn.Sequential(nn.Conv1d(i, o, 7, padding=3), nn.BatchNorm1d(o), nn.ReLU())

class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.mid = block(1, 8), block(8, 12), block(12, 16)
        self.u1, self.u2 = block(28, 12), block(20, 8)
        self.out = nn.Conv1d(8, 1, 1)
        self.pool, self.up = nn.MaxPool1d(2), nn.Upsample(scale_factor=2)
    def forward(self, x):
        a = self.d1(x); b = self.d2(self.pool(a)); m = self.mid(self.pool(b))
        h = self.u1(torch.cat([self.up(m), b], 1))
        return self.out(self.u2(torch.cat([self.up(h), a], 1)))

net = UNet()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
if mode == "faulty":
    criterion = nn.BCEWithLogitsLoss()
else:
    pos = (1 - y[:1280].mean()) / y[:1280].mean()
    criterion = nn.BCEWithLogitsLoss(pos_weight=pos.sqrt())
writer = DiagWriter(logdir)
writer.watch(net, opt, criterion)

for epoch in range(10):
    net.train()
    for idx in torch.randperm(1280).split(40):
        opt.zero_grad()
        loss = criterion(net(x[idx]), y[idx])
        loss.backward(); opt.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = net(x[1280:])
        vl = criterion(o, y[1280:]).item()
    p, t = o > 0, y[1280:] > .5
    tp = (p & t).sum().item()
    prec, rec = tp / max(p.sum().item(), 1), tp / t.sum().item()
    f1 = 2 * prec * rec / max(prec + rec, 1e-9)
    print(f"epoch {epoch:2d} train {loss.item():.4f} val {vl:.4f}  precision {prec:.3f} recall {rec:.3f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} precision {prec:.3f} recall {rec:.3f} f1 {f1:.3f}")

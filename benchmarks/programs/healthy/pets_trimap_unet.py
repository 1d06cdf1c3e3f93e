import sys, torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1337)

S = 32
def pets(n):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, S), torch.linspace(-1, 1, S), indexing="ij")
    u = lambda lo, hi: lo + (hi - lo) * torch.rand(n, 1, 1)
    cx, cy, a, b = u(-.3, .3), u(-.2, .4), u(.3, .6), u(.25, .5)
    body = 1 - ((xx - cx) / a) ** 2 - ((yy - cy) / b) ** 2
    hx, hy, hr = cx + a * u(-.8, .8), cy - b * u(.7, 1.1), u(.2, .33)
    f = torch.maximum(body * .4, 1 - ((xx - hx) ** 2 + (yy - hy) ** 2) / hr ** 2)
    mask = torch.full((n, S, S), 1)
    mask[f > -.15] = 2
    mask[f > .12] = 0
    bg = F.interpolate(torch.randn(n, 3, 5, 5), size=S, mode="bilinear") * .8
    fur = torch.randn(n, 3, 1, 1) * .9 + F.interpolate(torch.randn(n, 1, 16, 16), size=S) * .6
    al = torch.sigmoid(9 * f)[:, None]
    return bg * (1 - al) + fur * al + .25 * torch.randn(n, 3, S, S), mask

def conv(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
class UNet(nn.Module):
    def __init__(self, classes=3, w=8):
        super().__init__()
        self.d1, self.d2, self.mid = conv(3, w), conv(w, 2 * w), conv(2 * w, 4 * w)
        self.up2, self.up1 = nn.ConvTranspose2d(4 * w, 2 * w, 2, 2), nn.ConvTranspose2d(2 * w, w, 2, 2)
        self.u2, self.u1 = conv(4 * w, 2 * w), conv(2 * w, w)
        self.head = nn.Conv2d(w, classes, 1)
    def forward(self, x):
        a = self.d1(x); b = self.d2(F.max_pool2d(a, 2)); m = self.mid(F.max_pool2d(b, 2))
        y = self.u2(torch.cat([self.up2(m), b], 1))
        return self.head(self.u1(torch.cat([self.up1(y), a], 1)))

x, m = pets(700); xv, mv = pets(200)
train_gen = DataLoader(TensorDataset(x, m), 32, shuffle=True)
val_gen = DataLoader(TensorDataset(xv, mv), 50)
model = UNet()
opt = torch.optim.RMSprop(model.parameters(), lr=3e-3)
ce = nn.CrossEntropyLoss()
epochs = 10
sch = torch.optim.lr_scheduler.PolynomialLR(opt, epochs * len(train_gen), power=0.9)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, ce)
for e in range(epochs):
    model.train(); t = 0
    for a, b in train_gen:
        if torch.rand(()) < .5: a, b = a.flip(-1), b.flip(-1)
        opt.zero_grad()
        l = ce(model(a), b)
        l.backward(); opt.step(); sch.step()
        t += l.item() / len(train_gen)
    model.eval(); v = acc = 0
    with torch.no_grad():
        for a, b in val_gen:
            o = model(a); v += ce(o, b).item() / len(val_gen); acc += (o.argmax(1) == b).float().mean().item() / len(val_gen)
    print(f"{e+1} loss {t:.4f} val_loss {v:.4f} pixel acc {acc:.3f}")
w.close()

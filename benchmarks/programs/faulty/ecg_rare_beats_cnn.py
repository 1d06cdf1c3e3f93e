import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE = sys.argv[1]
g = np.random.default_rng(187)
torch.manual_seed(187)
CLASSES = ['N', 'S', 'V', 'F']
SHARE = [.935, .03, .02, .015]
L = 128
t = np.linspace(-.35, .45, L)


def beat(c):
    def wave(a, m, s):
        return a * np.exp(-.5 * ((t - m) / s) ** 2)
    r = g.normal(1, .15)
    pm, pa = g.normal(-.17, .02), abs(g.normal(.14, .04))
    qs, tm, ta = g.normal(.022, .004), g.normal(.26, .025), g.normal(.3, .08)
    if c == 1:
        pm, pa = pm - .05, pa * .75
        tm -= .025
    if c == 2:
        pa, qs, ta, r = pa * .6, qs * 2.1, ta * .6, r * 1.1
    if c == 3:
        pa, qs, ta = pa * .85, qs * 1.6, ta * .75
    x = wave(pa, pm, .028) - wave(.15 * r, -.035, .013) + wave(r, 0, qs) - wave(.25 * r, .045, .017) + wave(ta, tm, .055)
    x += .07 * np.sin(2 * np.pi * (g.uniform(.2, .6) * t + g.random())) + .07 * g.standard_normal(L)
    return x


def beats(n):
    y = g.choice(4, n, p=SHARE)
    return torch.tensor(np.stack([beat(c) for c in y]), dtype=torch.float32)[:, None], torch.tensor(y)


X, y = beats(9000)
Xv, yv = beats(4000)
mean, std = X.mean(), X.std()
X, Xv = (X - mean) / std, (Xv - mean) / std
ds = TensorDataset(X, y)
if MODE == 'faulty':
    loader = DataLoader(ds, batch_size=64, shuffle=True)
else:
    freq = torch.bincount(y, minlength=4).float()
    loader = DataLoader(ds, batch_size=64, sampler=WeightedRandomSampler((1 / freq)[y], len(y)))


class BeatNet(nn.Module):
    def __init__(self, ch=12):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, ch, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4),
            nn.Conv1d(ch, ch, 5, padding=2), nn.ReLU(), nn.MaxPool1d(4),
            nn.Flatten(), nn.Dropout(.4))
        self.head = nn.Linear(ch * 8, 4)

    def forward(self, x):
        return self.head(self.body(x))


net = BeatNet()
opt = torch.optim.Adam(net.parameters(), 2e-3, weight_decay=1e-4)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, ce, train_loader=loader)

for ep in range(8):
    net.train()
    tl = 0.
    for xb, yb in loader:
        opt.zero_grad()
        loss = ce(net(xb), yb)
        loss.backward()
        opt.step()
        tl += loss.item() / len(loader)
    with writer.evaluating('val'):
        z = torch.cat([net(b) for b in Xv.split(1000)])
        vl = ce(z, yv).item()
    p = z.argmax(1)
    rec = [(p[yv == c] == c).float().mean().item() for c in range(4)]
    print(f'{ep} loss {tl:.4f} val {vl:.4f} acc {(p == yv).float().mean():.3f} recall ' + ' '.join(f'{n}:{r:.2f}' for n, r in zip(CLASSES, rec)), f'mean {np.mean(rec):.3f}')
writer.close()

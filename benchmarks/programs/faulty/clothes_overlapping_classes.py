# Small CNN on drawn 16x16 garments (8 classes). Two folders of the raw archive were merged by hand: pullover/coat and
# sneaker/boot may have been filed under each other there.
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(10)
rng = np.random.RandomState(10)
NAMES = ["shirt", "trouser", "pullover", "dress", "coat", "sneaker", "boot", "bag"]
S = 16


def draw(c):
    im = np.zeros((S, S))
    v = rng.uniform(.5, 1)
    cx = 8 + rng.randint(-1, 2)
    w = rng.randint(2, 4)
    if c in (0, 2, 4):
        im[3:13, cx - w:cx + w] = v
        L = {0: 4, 2: 9, 4: 10}[c]
        a = rng.randint(3, 5)
        im[3:3 + L, max(cx - w - a + 1, 0):cx - w] = v * .9
        im[3:3 + L, cx + w:cx + w + a - 1] = v * .9
        if c == 4:
            im[3:14, cx - 1:cx + (rng.rand() < .5)] *= .45
            im[13:15, cx - w:cx + w] = v
    elif c == 1:
        im[2:15, cx - w - 1:cx + w + 1] = v
        im[5:15, cx - 1:cx + 1] = 0
    elif c == 3:
        for r in range(2, 15):
            k = int(1.5 + (r - 2) * rng.uniform(.25, .35))
            im[r, max(cx - k, 0):cx + k] = v
    elif c in (5, 6):
        im[9:13, 2:14] = v
        im[8, 3:9] = v * .8
        if c == 6:
            im[2 + rng.randint(0, 3):9, 8:13] = v * .9
    else:
        im[6:14, 3:13] = v
        im[3:6, 5:7] = im[3:6, 9:11] = im[3, 5:11] = v * .6
    im = np.roll(im, (rng.randint(-1, 2), rng.randint(-1, 2)), (0, 1))
    return im * (1 + rng.randn(S, S) * .15) + rng.randn(S, S) * .12


def dataset(n):
    y = rng.randint(0, 8, n)
    return np.stack([draw(c) for c in y])[:, None].astype('float32'), y


Xtr, ytr = dataset(4000)
Xva, yva = dataset(1000)
if sys.argv[1] == "faulty":
    for a, b in ((2, 4), (5, 6)):
        ia, ib = np.where(ytr == a)[0], np.where(ytr == b)[0]
        ka = rng.choice(ia, int(.4 * len(ia)), replace=False)
        kb = rng.choice(ib, int(.4 * len(ib)), replace=False)
        ytr[ka], ytr[kb] = b, a
m, s = Xtr.mean(), Xtr.std()
train = DataLoader(TensorDataset(torch.from_numpy((Xtr - m) / s), torch.from_numpy(ytr)), batch_size=50, shuffle=True)
valid = DataLoader(TensorDataset(torch.from_numpy((Xva - m) / s), torch.from_numpy(yva)), batch_size=200)

net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Dropout(.3), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 8))
opt = torch.optim.Adam(net.parameters(), lr=5e-4)
lossf = nn.CrossEntropyLoss()
wr = DiagWriter(sys.argv[2])
wr.watch(net, opt, lossf)
for ep in range(10):
    net.train()
    tl = 0
    for x, y in train:
        opt.zero_grad()
        l = lossf(net(x), y)
        l.backward()
        opt.step()
        tl += l.item() / len(train)
    net.eval()
    with wr.evaluating("val"):
        vl, ok, per = 0, 0, np.zeros((8, 2))
        for x, y in valid:
            o = net(x)
            vl += lossf(o, y).item() / len(valid)
            hit = (o.argmax(1) == y)
            ok += hit.sum().item()
            for c in range(8):
                per[c] += [hit[y == c].sum().item(), (y == c).sum().item()]
    print(f"{ep + 1} {tl:.4f} {vl:.4f} {ok / 1000:.3f}", ' '.join(f"{nm} {h / t:.2f}" for nm, (h, t) in zip(NAMES, per)))
wr.close()
print(f"RESULT train={tl:.4f} val={vl:.4f} acc={ok / 1000:.3f}")

# yolo-v2-like one-scale detector (pytorch-yolo2 ported to a newer torch): train.py + region_loss.py in one file
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(22)
form, logdir = sys.argv[1], sys.argv[2]

# cfg
batch_size = 32
learning_rate = 0.02
momentum = 0.9
decay = 0.0005
max_epochs = 14
S = 4              # grid
NC = 3             # triangle, ring, cross


def render(rng):
    im = rng.normal(.4, .1, (32, 32)).astype(np.float32)
    tgt = np.zeros((5 + NC, S, S), np.float32)
    yy, xx = np.mgrid[0:32, 0:32]
    cells = rng.choice(S * S, rng.randint(1, 4), replace=False)
    for c in cells:
        gy, gx = divmod(c, S)
        ox, oy = rng.uniform(.2, .8, 2)
        cx, cy, r, k = (gx + ox) * 8, (gy + oy) * 8, rng.uniform(2.5, 5), rng.randint(NC)
        dx, dy = (xx - cx) / r, (yy - cy) / r
        if k == 0:
            m = (dy < .8) & (np.abs(dx) < (dy + 1) / 1.8)
        elif k == 1:
            q = np.hypot(dx, dy)
            m = (q < 1) & (q > .5)
        else:
            m = ((np.abs(dx) < .3) & (np.abs(dy) < 1)) | ((np.abs(dy) < .3) & (np.abs(dx) < 1))
        im[m] += rng.uniform(.25, .6)
        tgt[:, gy, gx] = np.r_[1, ox, oy, np.log(r / 3.5), 1, np.eye(NC)[k]]
    return im[None], tgt


def dataset(n, seed):
    rng = np.random.RandomState(seed)
    a = [render(rng) for _ in range(n)]
    return (torch.tensor(np.stack([x for x, _ in a])) - .5) / .25, torch.tensor(np.stack([t for _, t in a]))


class RegionLoss(nn.Module):
    """coord + conf + cls, normalised by the number of pictures nB (the original darknet port sums)"""

    def forward(self, out, tgt):
        nB = out.shape[0]
        obj = tgt[:, 0]
        conf = nn.functional.binary_cross_entropy_with_logits(out[:, 0], obj, reduction='sum')
        xy = (((torch.sigmoid(out[:, 1:3]) - tgt[:, 1:3]) ** 2).sum(1) * obj).sum()
        wh = ((out[:, 3] - tgt[:, 3]) ** 2 * obj).sum()
        cls = (nn.functional.cross_entropy(out[:, 5:], tgt[:, 5:].argmax(1), reduction='none') * obj).sum()
        return (conf + 2 * xy + 2 * wh + cls) / nB


def conv(i, o):
    return [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(.1)]


model = nn.Sequential(*conv(1, 12), nn.MaxPool2d(2), *conv(12, 20), nn.MaxPool2d(2), *conv(20, 28), nn.MaxPool2d(2),
                      *conv(28, 28), nn.Conv2d(28, 5 + NC, 1))
region_loss = RegionLoss()
if form == "faulty":
    optimizer = optim.SGD(model.parameters(), lr=learning_rate / batch_size, momentum=momentum, weight_decay=decay)
else:
    optimizer = optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum, weight_decay=decay)
X, T = dataset(2000, 0)
Xv, Tv = dataset(400, 1)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, region_loss)
seen = 0
for epoch in range(max_epochs):
    model.train()
    perm = torch.randperm(len(X))
    for b in perm[:len(X) // batch_size * batch_size].view(-1, batch_size):
        optimizer.zero_grad()
        loss = region_loss(model(X[b]), T[b])
        loss.backward()
        optimizer.step()
        seen += batch_size
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(Xv)
        vl = region_loss(o, Tv).item()
    hit = (torch.sigmoid(o[:, 0]) > .5)
    obj = Tv[:, 0] > 0
    right = hit & obj & (o[:, 5:].argmax(1) == Tv[:, 5:].argmax(1))
    prec, rec = right.sum().item() / max(1, hit.sum().item()), right.sum().item() / obj.sum().item()
    print(f"{seen}: loss {loss.item():.3f} val {vl:.3f} prec {prec:.3f} rec {rec:.3f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} precision={prec:.3f} recall={rec:.3f}")

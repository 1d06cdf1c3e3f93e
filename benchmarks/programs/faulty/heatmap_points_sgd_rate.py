# objects as points, reduced: centre heatmap (penalty-reduced focal loss) and size (L1 at centres)
import sys
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(317)
rng = np.random.default_rng(317)
class opt: lr = 1.25e-4 if sys.argv[1] == "faulty" else 0.01; wh_weight = 0.1; batch_size = 16; num_epochs = 8; S = 32; down = 2
if len(sys.argv) > 3: opt.lr = float(sys.argv[3])

def sample():
    S, o = opt.S, opt.S // opt.down
    im = rng.normal(0, .25, (S, S)); hm = np.zeros((o, o)); wh = np.zeros((2, o, o)); ind = np.zeros((o, o))
    yy, xx = np.mgrid[:o, :o]
    for _ in range(rng.integers(1, 4)):
        h, w = rng.integers(4, 10, 2); y, x = rng.integers(0, S - h), rng.integers(0, S - w)
        im[y:y + h, x:x + w] += rng.uniform(.8, 1.4)
        cy, cx = int((y + h / 2) / 2), int((x + w / 2) / 2)
        hm = np.maximum(hm, np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 2)); ind[cy, cx] = 1; wh[:, cy, cx] = h / 2, w / 2
    return [a.astype(np.float32) for a in (im[None], hm[None], wh, ind[None])]

def dataset(n): return torch.utils.data.TensorDataset(*[torch.tensor(np.stack(a)) for a in zip(*[sample() for _ in range(n)])])

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        def cbr(i, o, s=1): return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.base = nn.Sequential(cbr(1, 16, 2), cbr(16, 32), cbr(32, 32), cbr(32, 32))
        self.hm = nn.Sequential(nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 1)); self.hm[-1].bias.data.fill_(-2.19)
        self.wh = nn.Sequential(nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1))
    def forward(self, x):
        f = self.base(x)
        return torch.sigmoid(self.hm(f)).clamp(1e-4, 1 - 1e-4), self.wh(f)

def ctdet_loss(out, hm, wh, ind):
    p, s = out
    n = ind.sum().clamp(min=1)
    pos = (ind * (1 - p) ** 2 * p.log()).sum()
    neg = ((1 - ind) * (1 - hm) ** 4 * p ** 2 * (1 - p).log()).sum()
    return -(pos + neg) / n + opt.wh_weight * (ind * (s - wh).abs()).sum() / n

train = torch.utils.data.DataLoader(dataset(600), opt.batch_size, shuffle=True)
val = torch.utils.data.DataLoader(dataset(128), 64)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), opt.lr, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, ctdet_loss)
for epoch in range(opt.num_epochs):
    model.train()
    for im, hm, wh, ind in train:
        loss = ctdet_loss(model(im), hm, wh, ind)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        v = np.mean([writer.loss_fn(model(im), hm, wh, ind).item() for im, hm, wh, ind in val])
    print("ctdet/epoch %d loss %.3f val %.3f" % (epoch, loss.item(), v))
writer.close()
print("RESULT val loss %.3f" % v)

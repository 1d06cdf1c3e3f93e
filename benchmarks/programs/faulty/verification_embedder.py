import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
torch.set_num_threads(1)


def data_iter(datasets, batch_size):
    data_num = datasets.shape[0]
    for i in range(0, data_num, batch_size):
        yield datasets[i:min(i + batch_size, data_num), ...]


def load_bin():
    """8 bit images as float32 arrays, split in train / verification / final test"""
    d = load_digits()
    ims = (d.images * 255.0 / 16.0).astype(np.float32)[:, None]
    rng = np.random.RandomState(4)
    p = rng.permutation(len(ims))
    ims, lab = ims[p], d.target[p]
    return (ims[:1200], lab[:1200]), (ims[1200:1500], lab[1200:1500]), (ims[1500:], lab[1500:])


class Backbone(nn.Module):
    def __init__(self, emb=32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.PReLU(16),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.PReLU(32),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * 16, emb))

    def forward(self, x):
        return F.normalize(self.body(x))


class MarginHead(nn.Module):
    def __init__(self, emb, n, s=12.0, m=0.15):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n, emb) * 0.1)
        self.s, self.m = s, m

    def forward(self, e, y=None):
        cos = e @ F.normalize(self.w).t()
        if y is not None:
            cos = cos - self.m * F.one_hot(y, cos.shape[1])
        return self.s * cos


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = MarginHead(32, 10)

    def forward(self, x, y=None):
        return self.head(self.backbone(x), y)


def verify(net, datas, labels, batch_size=100):
    """loss and accuracy of a set of raw images"""
    losses, hits, k = [], 0, 0
    for data in data_iter(datas, batch_size):
        if form == "faulty":
            data -= 127.5
            data *= 0.0078125
            x = data
        else:
            x = data.copy()
            x -= 127.5
            x *= 0.0078125
        y = torch.from_numpy(labels[k:k + len(data)])
        out = net(torch.from_numpy(x.copy()))
        losses.append(F.cross_entropy(out, y))
        hits += (out.argmax(1) == y).sum().item()
        k += len(data)
    return torch.stack(losses).mean(), hits / k


(xt, yt), (xv, yv), (xs, ys) = load_bin()
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [18, 24], 0.1)
writer = DiagWriter(logdir)
writer.watch(net, opt, F.cross_entropy)

best = 0
for epoch in range(28):
    net.train()
    perm = np.random.RandomState(epoch).permutation(len(xt))
    for i in range(0, len(perm), 64):
        j = perm[i:i + 64]
        x = torch.from_numpy((xt[j] - 127.5) * 0.0078125)
        y = torch.from_numpy(yt[j])
        opt.zero_grad()
        loss = F.cross_entropy(net(x, y), y)
        loss.backward()
        opt.step()
    sched.step()
    net.eval()
    with torch.no_grad():
        vl, va = verify(net, xv, yv)
    writer.add_scalar("verification/acc", va, epoch)
    best = max(best, va)
    if epoch % 5 == 0:
        print("epoch %d loss %.4f ver loss %.4f ver acc %.4f best %.4f" % (epoch, loss.item(), vl.item(), va, best))

net.eval()
with torch.no_grad():
    tl, ta = verify(net, xs, ys)
writer.close()
print("RESULT last_verification_loss %.4f last_verification_acc %.4f test_acc %.4f" % (vl.item(), va, ta))

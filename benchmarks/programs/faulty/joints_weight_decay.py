# Body joint regression from depth crops, AlexNet-ish net ("any input produces the same output")
import sys, math
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1); rng = np.random.default_rng(1)

solver = dict(base_lr=0.01, momentum=0.9, weight_decay=0.5 if sys.argv[1] == "faulty" else 0.0005,
              stepsize=350, gamma=0.3, max_iter=800, batch=48, test_interval=200)
SZ, J = 24, 5       # head, hands, feet


def person():
    cx, cy = rng.uniform(9.5, 13.5, 2)
    j = np.zeros((J, 2))
    j[0] = cx + rng.normal(0, .7), cy - rng.uniform(5, 7)
    for k, sgn in ((1, -1), (2, 1)):
        a = rng.uniform(-1.1, 1.1); L = rng.uniform(5, 7.5)
        j[k] = cx + sgn * L * math.cos(a), cy - 3 + L * math.sin(a) * .8
    for k, sgn in ((3, -1), (4, 1)):
        a = rng.uniform(.1, .9); L = rng.uniform(6, 8.5)
        j[k] = cx + sgn * L * math.sin(a), cy + 2 + L * math.cos(a)
    return (cx, cy), np.clip(j, 0, SZ - 1)


yy, xx = np.mgrid[:SZ, :SZ]
def seg(im, a, b, w, depth):
    a, b = np.asarray(a), np.asarray(b); d = b - a; t = ((xx - a[0]) * d[0] + (yy - a[1]) * d[1]) / (d @ d + 1e-6)
    t = np.clip(t, 0, 1); dist = np.hypot(xx - a[0] - t * d[0], yy - a[1] - t * d[1])
    im[dist < w] = depth


def sample():
    c, j = person(); im = np.full((SZ, SZ), 1.); z = rng.uniform(.25, .4)
    seg(im, (c[0], c[1] - 3), (c[0], c[1] + 2), 2.2, z)
    for k in (1, 2): seg(im, (c[0], c[1] - 3), j[k], .9, z - rng.uniform(0, .12))
    for k in (3, 4): seg(im, (c[0], c[1] + 2), j[k], 1.1, z + rng.uniform(0, .08))
    seg(im, j[0], j[0] + .1, 1.7, z)
    if rng.random() < .25: im[rng.integers(0, SZ - 5):, :][:4, rng.integers(0, 12):][:, :5] = rng.uniform(.1, .2)   # occluder
    return im + .04 * rng.standard_normal((SZ, SZ)), (j - SZ / 2) / (SZ / 2)


def dataset(n):
    s = [sample() for _ in range(n)]
    x = torch.tensor(np.stack([a for a, _ in s]), dtype=torch.float32)[:, None]
    return (x - .8) / .3, torch.tensor(np.stack([b for _, b in s]), dtype=torch.float32).flatten(1)


xtr, ytr = dataset(4000); xte, yte = dataset(700)


class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.c1 = nn.Conv2d(1, 12, 5, padding=2); s.c2 = nn.Conv2d(12, 16, 3, padding=1); s.c3 = nn.Conv2d(16, 24, 3, padding=1)
        s.ip1 = nn.Linear(24 * 9, 96); s.ip2 = nn.Linear(96, 2 * J)
        for m in s.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)): nn.init.kaiming_normal_(m.weight); nn.init.zeros_(m.bias)
        nn.init.normal_(s.ip2.weight, std=.01)

    def forward(s, x):
        x = F.max_pool2d(F.relu(s.c1(x)), 2); x = F.max_pool2d(F.relu(s.c2(x)), 2); x = F.max_pool2d(F.relu(s.c3(x)), 2)
        return s.ip2(F.relu(s.ip1(x.flatten(1))))


def euclidean_loss(a, b): return ((a - b) ** 2).sum(1).mean() / 2        # caffe's EuclideanLoss


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=solver["base_lr"], momentum=solver["momentum"], weight_decay=solver["weight_decay"])
sch = torch.optim.lr_scheduler.StepLR(opt, solver["stepsize"], solver["gamma"])
w = DiagWriter(sys.argv[2]); w.watch(net, opt, euclidean_loss)
perm, at, run = torch.randperm(len(xtr)), 0, []
for it in range(1, solver["max_iter"] + 1):
    if at + solver["batch"] > len(xtr): perm, at = torch.randperm(len(xtr)), 0
    b = perm[at:at + solver["batch"]]; at += solver["batch"]
    net.train(); opt.zero_grad()
    loss = w.loss_fn(net(xtr[b]), ytr[b]); loss.backward(); opt.step(); sch.step(); run.append(loss.item())
    if it % solver["test_interval"] == 0:
        net.eval()
        with torch.no_grad(), w.evaluating("test"):
            o = torch.cat([net(c) for c in xte.split(100)]); tl = w.loss_fn(o, yte).item()
        pix = (o - yte).view(-1, J, 2).norm(dim=2).mean().item() * SZ / 2
        print(f"Iteration {it}, loss = {np.mean(run[-200:]):.4f}, test loss = {tl:.4f}, error = {pix:.2f} px, spread of outputs = {o.std(0).mean():.4f}")
w.close()
print(f"RESULT train={np.mean(run[-200:]):.4f} test={tl:.4f} px={pix:.2f}")

import sys, math, random
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(31); random.seed(31)
mode, logdir = sys.argv[1:3]
F1F2 = torch.tensor([[300, 2300], [430, 2000], [580, 1800], [730, 1150], [560, 900], [330, 900], [480, 1250]], dtype=torch.float)
BANDS = 24
centre = torch.tensor([200 * (3500 / 200) ** (k / (BANDS - 1)) for k in range(BANDS)])

def speak(n, who):
    """log band energies of 20 frames; who: m, w or c (vocal tract length)"""
    y = torch.randint(0, 7, (n,))
    tract = {"m": 1.0, "w": 1.12, "c": 1.32}[who] * (1 + .05 * torch.randn(n, 1, 1))
    f = F1F2[y][:, None, :] * tract * (1 + .05 * torch.randn(n, 1, 2))
    glide = 1 + .06 * torch.randn(n, 1, 2) * torch.linspace(-1, 1, 20)[None, :, None]
    f = f * glide
    d = torch.log(centre)[None, None, :, None] - torch.log(f)[:, :, None, :]
    e = (torch.exp(-d ** 2 / .03) * torch.tensor([1.0, .7])).sum(-1)
    tilt = -.4 * torch.linspace(0, 1, BANDS) * torch.rand(n, 1, 1)
    return e + tilt + .45 * torch.randn(n, 20, BANDS), y

def corpus(parts):
    xs, ys = zip(*[speak(n, who) for who, n in parts])
    x, y = torch.cat(xs), torch.cat(ys)
    o = torch.randperm(len(y))
    return x[o], y[o]

if mode == "faulty":
    train = corpus([("m", 1400), ("w", 1400)]); dev = corpus([("m", 300), ("w", 300)])
else:
    train = corpus([("m", 950), ("w", 950), ("c", 1300)]); dev = corpus([("m", 200), ("w", 200), ("c", 200)])
test = corpus([("c", 600)])
mu, sd = train[0].mean((0, 1)), train[0].std((0, 1))

class VowelGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(BANDS, 40, batch_first=True)
        self.drop = nn.Dropout(.2)
        self.out = nn.Linear(40, 7)
    def forward(self, x):
        h, _ = self.rnn((x - mu) / sd)
        return self.out(self.drop(h.mean(1)))

net = VowelGRU()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
xent = nn.CrossEntropyLoss()
w = DiagWriter(logdir)
w.watch(net, opt, xent)

def evaluate(name, data):
    l = a = 0
    with w.evaluating(name):
        for x, y in zip(data[0].split(200), data[1].split(200)):
            o = net(x)
            l += xent(o, y).item() * len(y); a += (o.argmax(1) == y).sum().item()
    return l / len(data[1]), a / len(data[1])

for epoch in range(12):
    net.train(); run = 0
    for b in torch.randperm(len(train[1])).split(50):
        opt.zero_grad()
        loss = xent(net(train[0][b]), train[1][b])
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.)
        opt.step(); run += loss.item() * len(b)
    print(epoch, "%.3f" % (run / len(train[1])), "dev %.3f %.3f" % evaluate("val", dev), "test %.3f %.3f" % evaluate("test", test))
w.close()

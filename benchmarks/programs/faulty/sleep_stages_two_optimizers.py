"""Sleep staging: a small conv encoder for each 30 s epoch, a GRU over the night.  Encoder and tagger have
their own optimizers (the encoder used to be pre-trained separately)."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"])
ap.add_argument("logdir")
ap.add_argument("--epochs", type=int, default=9)
ap.add_argument("--bs", type=int, default=8)
args = ap.parse_args()

torch.set_num_threads(1)
torch.manual_seed(9)
rng = np.random.RandomState(9)

# Wake, N1, N2, N3, REM
TRANS = np.array([[.80, .17, .03, 0, 0], [.08, .55, .33, 0, .04], [.03, .05, .75, .12, .05], [.02, .01, .17, .80, 0], [.05, .08, .05, 0, .82]])
# delta, theta, alpha, sigma, beta power
BANDS = np.array([[.5, .6, 1.4, .4, 1.0], [.7, 1.0, .8, .4, .6], [1.1, .9, .5, 1.1, .4], [2.2, .7, .3, .5, .2], [.7, 1.1, .6, .3, .7]])
FREQ = np.array([.03, .1, .17, .23, .36])


def night(length=16, T=64):
    s, states = rng.randint(0, 5), []
    for _ in range(length):
        s = rng.choice(5, p=TRANS[s])
        states.append(s)
    t = np.arange(T)
    out = np.zeros((length, T))
    for k, s in enumerate(states):
        a = BANDS[s] * rng.lognormal(0, .35, 5)
        out[k] = sum(a[b] * np.sin(2 * np.pi * FREQ[b] * rng.normal(1, .08) * t + rng.uniform(0, 6.28)) for b in range(5)) + rng.normal(0, .6, T)
    return out, states


def dataset(n):
    d = [night() for _ in range(n)]
    return torch.tensor(np.array([a for a, _ in d]), dtype=torch.float32), torch.tensor(np.array([b for _, b in d]))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv1d(1, 12, 11, stride=2), nn.Conv1d(12, 20, 7, stride=2)
        self.bn1, self.bn2 = nn.BatchNorm1d(12), nn.BatchNorm1d(20)

    def forward(self, x):
        b, l, t = x.shape
        h = torch.relu(self.bn1(self.c1(x.view(b * l, 1, t))))
        h = torch.relu(self.bn2(self.c2(h)))
        return h.mean(2).view(b, l, -1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(20, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, 5)

    def forward(self, z):
        return self.out(self.rnn(z)[0])


class Stager(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.tag = Encoder(), Tagger()

    def forward(self, x):
        return self.tag(self.enc(x)).transpose(1, 2)


xtr, ytr = dataset(500)
xva, yva = dataset(120)
net = Stager()
enc_optim = torch.optim.SGD(net.enc.parameters(), lr=0.03, momentum=0.9)
tag_optim = torch.optim.Adam(net.tag.parameters(), lr=0.004)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(net.enc, enc_optim, ce, name="encoder")
writer.watch(net.tag, tag_optim, ce, name="tagger")

for ep in range(args.epochs):
    net.train()
    tot = 0.0
    for b in torch.randperm(len(xtr)).split(args.bs):
        tag_optim.zero_grad()
        if args.form == "fixed":
            enc_optim.zero_grad()
        loss = ce(net(xtr[b]), ytr[b])
        loss.backward()
        enc_optim.step()
        tag_optim.step()
        tot += loss.item() * len(b)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = net(xva)
        vl = ce(o, yva).item()
    acc = (o.argmax(1) == yva).float().mean().item()
    print(f"ep {ep:2d} train {tot / len(xtr):.4f} val {vl:.4f} acc {acc:.3f}")
writer.close()
print(f"RESULT train={tot / len(xtr):.4f} val={vl:.4f} acc={acc:.4f}")

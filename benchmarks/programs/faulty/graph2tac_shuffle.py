# Tactic prediction from proof states: states come package by package out of a python iterator,
# tf.data style pipeline (from_generator -> shuffle(buffer) -> batch) in a few lines of python.
import random
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(95)
random.seed(95)
rng = np.random.default_rng(95)

N_PACKAGES, N_TACTICS, N_SYMBOLS = 20, 12, 150
SHUFFLE_BUFFER = 400 if sys.argv[1] == "faulty" else 100_000


class ProofStates:
    """symbols of the goal; every package has its own definitions, habits and favourite tactics"""
    def __init__(self):
        self.generic = rng.normal(0, .9, (60, N_TACTICS))          # logical symbols mean the same everywhere
        self.local = rng.normal(0, .7, (N_PACKAGES, 90, N_TACTICS))
        self.habit = rng.dirichlet(np.full(N_TACTICS, .35), N_PACKAGES)
        self.names = rng.dirichlet(np.full(90, .12), N_PACKAGES)    # which definitions a package uses

    def sample(self, p):
        g = rng.integers(0, 60, 6)
        l = rng.choice(90, 5, p=self.names[p])
        s = self.generic[g].sum(0) + .5 * self.local[p, l].sum(0) + 2.2 * np.log(self.habit[p] + .02)
        s = np.exp(s - s.max())
        return np.concatenate([g, 60 + l]), rng.choice(N_TACTICS, p=s / s.sum())


src = ProofStates()
train_files = [[src.sample(p) for _ in range(450)] for p in range(N_PACKAGES)]
valid = [src.sample(p) for p in range(N_PACKAGES) for _ in range(60)]


class Dataset:
    def __init__(self, gen):
        self.gen = gen

    def __iter__(self):
        return iter(self.gen())

    def shuffle(self, buffer_size):
        def it():
            buf = []
            for e in self:
                if len(buf) < buffer_size:
                    buf.append(e)
                    continue
                j = random.randrange(buffer_size)
                yield buf[j]
                buf[j] = e
            random.shuffle(buf)
            yield from buf
        return Dataset(it)

    def batch(self, n):
        def it():
            out = []
            for e in self:
                out.append(e)
                if len(out) == n:
                    yield collate(out)
                    out = []
        return Dataset(it)


def collate(es):
    return torch.from_numpy(np.stack([e[0] for e in es])), torch.tensor([int(e[1]) for e in es])


def datapoints():
    for f in train_files:
        yield from f


class TacticModel(nn.Module):
    def __init__(self, d=40):
        super().__init__()
        self.emb = nn.Embedding(N_SYMBOLS, d)
        self.msg = nn.Linear(d, d)
        self.upd = nn.Linear(2 * d, d)
        self.head = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Dropout(.2), nn.Linear(d, N_TACTICS))

    def forward(self, x):
        h = self.emb(x)
        m = torch.relu(self.msg(h)).mean(1, keepdim=True).expand_as(h)     # complete graph, one hop
        h = h + torch.relu(self.upd(torch.cat([h, m], -1)))
        return self.head(h.mean(1))


ds = Dataset(datapoints).shuffle(SHUFFLE_BUFFER).batch(32)
model = TacticModel()
nn.init.normal_(model.emb.weight, std=.3)
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)
vx, vy = collate(valid)
for epoch in range(3):
    model.train()
    ls = []
    for x, y in ds:
        loss = loss_fn(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        ls.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(vx)
        vl = loss_fn(o, vy).item()
    acc = (o.argmax(1) == vy).float().mean().item()
    print(f"epoch {epoch}  loss {np.mean(ls):.4f}  val_loss {vl:.4f}  val_acc {acc:.4f}")
writer.close()
print(f"RESULT train_loss={np.mean(ls):.4f} val_loss={vl:.4f} val_acc={acc:.4f}")

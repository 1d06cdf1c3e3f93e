import sys
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.manual_seed(4)
torch.set_num_threads(1)


class Expert(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.up, self.down = nn.Linear(d, h), nn.Linear(h, d)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class SwitchFFN(nn.Module):
    def __init__(self, d=32, h=64, n=6):
        super().__init__()
        self.n = n
        self.router = nn.Linear(d, n, bias=False)
        nn.init.normal_(self.router.weight, std=.02)
        self.experts = nn.ModuleList(Expert(d, h) for _ in range(n))

    def forward(self, x):
        if self.training:
            p = self.router(x * torch.empty_like(x).uniform_(.98, 1.02)).softmax(-1)
        else:
            p = self.router(x).softmax(-1)
        gate, idx = p.max(-1)
        out = torch.zeros_like(x)
        for i, ex in enumerate(self.experts):
            m = idx == i
            if m.any():
                out[m] = gate[m, None] * ex(x[m])
        frac = F.one_hot(idx, self.n).float().mean(0)
        self.aux = self.n * (frac * p.mean(0)).sum()
        self.frac = frac.detach()
        return out


class Net(nn.Module):
    def __init__(self, din, dout, d=32, depth=2):
        super().__init__()
        self.embed = nn.Linear(din, d)
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(depth))
        self.moes = nn.ModuleList(SwitchFFN(d) for _ in range(depth))
        self.fin = nn.LayerNorm(d)
        self.out = nn.Linear(d, dout)

    def forward(self, x):
        h = self.embed(x)
        for n, m in zip(self.norms, self.moes):
            h = h + m(n(h))
        return self.out(self.fin(h))


# eight regimes with a different nonlinear map each, and noise of sigma .3
def data(n, seed):
    g = torch.Generator().manual_seed(seed); s = torch.Generator().manual_seed(1000)
    centers = 2.0 * torch.randn(8, 10, generator=s)
    W1 = torch.randn(8, 10, 6, generator=s) / 10 ** .5; W2 = torch.randn(8, 6, 3, generator=s)
    k = torch.randint(0, 8, (n,), generator=g)
    u = torch.randn(n, 10, generator=g)
    y = torch.einsum("nh,nho->no", torch.sin(1.3 * torch.einsum("ni,nih->nh", u, W1[k])), W2[k])
    y = y + .3 * torch.randn(n, 3, generator=g)
    return (u + centers[k]) / 2.2, y / 1.6


train_ds, valid_ds = TensorDataset(*data(16000, 1)), TensorDataset(*data(2000, 2))
train_dl, valid_dl = DataLoader(train_ds, 256, shuffle=True), DataLoader(valid_ds, 1000)
model = Net(10, 3)
opt = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2, betas=(.9, .98))
EPOCHS = 16
sch = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=EPOCHS * len(train_dl), pct_start=.15)
mse = nn.MSELoss()
w = DiagWriter(sys.argv[1])
w.watch(model, opt, mse)
for ep in range(EPOCHS):
    model.train(); tot = 0
    for x, y in train_dl:
        main = mse(model(x), y)
        loss = main + .01 * sum(m.aux for m in model.moes)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        opt.step(); sch.step()
        tot += main.item()
    with w.evaluating("val"):
        v = sum(mse(model(x), y).item() for x, y in valid_dl) / len(valid_dl)
    w.add_scalar("moe/aux", sum(m.aux.item() for m in model.moes), ep)
    if ep % 5 == 0 or ep == EPOCHS - 1:
        print(ep, "train %.4f val %.4f" % (tot / len(train_dl), v), "load", [round(z, 2) for z in model.moes[1].frac.tolist()])
w.close()

"""Small ConvNeXt for one-second instrument clips (log-mel 16 x 24). Blocks after facebookresearch/ConvNeXt."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
np.random.seed(3)


def drop_path(x, drop_prob: float = 0., training: bool = False):
    if drop_prob == 0. or not training:
        return x
    keep_prob = 1 - drop_prob
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    random_tensor = x.new_empty(shape).bernoulli_(keep_prob)
    return x * random_tensor / keep_prob


class DropPath(nn.Module):
    def __init__(self, drop_prob=0.):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        return drop_path(x, self.drop_prob, self.training)


class Block(nn.Module):
    def __init__(self, dim, dp):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.pwconv1 = nn.Linear(dim, 3 * dim)
        self.pwconv2 = nn.Linear(3 * dim, dim)
        self.drop_path = DropPath(dp)

    def forward(self, x):
        h = self.dwconv(x).permute(0, 2, 3, 1)
        h = self.pwconv2(F.gelu(self.pwconv1(self.norm(h))))
        return x + self.drop_path(h.permute(0, 3, 1, 2))


class ConvNeXt(nn.Module):
    def __init__(self, num_classes, survival_prob, dim=20, depth=4):
        super().__init__()
        self.stem = nn.Conv2d(1, dim, 4, stride=4)
        # survival probability falls linearly with depth
        if sys.argv[1] == "faulty":
            rates = [1 - (1 - survival_prob) * (i + 1) / depth for i in range(depth)]
        else:
            rates = [(1 - survival_prob) * (i + 1) / depth for i in range(depth)]
        self.blocks = nn.Sequential(*[Block(dim, r) for r in rates])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.stem(x)).mean([-2, -1])))


def clips(n, n_cls=8):
    y = np.random.randint(0, n_cls, n)
    S = np.zeros((n, 1, 16, 24), np.float32)
    f, t = np.arange(16)[:, None], np.arange(24)[None]
    for i, c in enumerate(y):
        f0, a = np.random.uniform(1, 4), np.random.randint(0, 8)
        decay = [.02, .25, .05, .4, .02, .1, .25, .05][c] * np.random.lognormal(0, .35)
        tilt = [.15, .15, .3, .3, .05, .45, .3, .08][c] * np.random.lognormal(0, .3)
        step = [1.8, 1.8, 2.6, 2.6, 3.4, 1.8, 1.8, 2.6][c]
        trem = [0, 0, .7, 0, .4, .5, 0, 0][c]
        s = sum(np.exp(-.5 * ((f - f0 - k * step - (.5 * np.sin(t * .9) * (c == 4))) / .55) ** 2) * np.exp(-tilt * k) for k in range(6))
        env = np.where(t >= a, np.exp(-decay * (t - a)), 0) * (1 + trem * np.sin(1.3 * t + np.random.uniform(0, 6)))
        S[i, 0] = np.log(.06 + s * env * np.random.lognormal(0, .5) + .16 * np.abs(np.random.randn(16, 24)))
    return torch.tensor((S + 1.6) / .8), torch.tensor(y)


xtr, ytr = clips(2600)
xva, yva = clips(700)
model = ConvNeXt(8, survival_prob=0.9)
opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.05)
EPOCHS, BS = 10, 64
steps = EPOCHS * (len(xtr) // BS)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, crit)
for epoch in range(EPOCHS):
    model.train()
    agg = []
    perm = torch.randperm(len(xtr))
    for k in range(len(xtr) // BS):
        idx = perm[k * BS:(k + 1) * BS]
        loss = crit(model(xtr[idx]), ytr[idx])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        sched.step()
        agg.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(xva)
        vl = crit(out, yva).item()
    acc = (out.argmax(1) == yva).float().mean().item()
    print(f"epoch {epoch} train {np.mean(agg):.4f} val {vl:.4f} acc@1 {acc:.4f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} acc {acc:.4f} train_loss {np.mean(agg):.4f}")

# Masked autoregressive flow on a physics-like table (Papamakarios et al. 2017; after kamenbliznashki/normalizing_flows)
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(101)
D = 6


def power_like(n):
    k = torch.randint(0, 3, (n,))
    z = torch.randn(n, D)
    x0 = torch.tensor([-2., 0., 1.6])[k] + .5 * z[:, 0]
    x1 = torch.sin(2 * x0) + .25 * z[:, 1]
    x2 = (.4 * x0 * x1 + .3 * z[:, 2]).exp()
    x3 = .8 * x2 - .5 * x1 + (.1 + .3 * torch.sigmoid(x0)) * z[:, 3]
    x4 = torch.where(k == 1, x3, -x3) + .3 * z[:, 4]
    x5 = F.softplus(2 * x0 + z[:, 5]) + .05 * torch.randn(n)
    return torch.stack([x0, x1, x2, x3, x4, x5], 1)


class MaskedLinear(nn.Linear):
    def __init__(self, i, o, mask):
        super().__init__(i, o)
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        m0 = torch.arange(1, d + 1)
        m1 = torch.arange(h) % (d - 1) + 1
        out_mask = (m0[:, None] > m1[None]).float().repeat(2, 1)
        self.l1 = MaskedLinear(d, h, (m1[:, None] >= m0[None]).float())
        self.l2 = MaskedLinear(h, h, (m1[:, None] >= m1[None]).float())
        self.l3 = MaskedLinear(h, 2 * d, out_mask)
        nn.init.zeros_(self.l3.weight)
        nn.init.zeros_(self.l3.bias)

    def forward(self, x):
        h = torch.relu(self.l2(torch.relu(self.l1(x))))
        m, loga = self.l3(h).chunk(2, 1)
        loga = 3 * torch.tanh(loga / 3)
        return (x - m) * torch.exp(-loga), -loga.sum(1)


class MAF(nn.Module):
    def __init__(self, n_blocks=4, h=48):
        super().__init__()
        self.blocks = nn.ModuleList(MADE(D, h) for _ in range(n_blocks))

    def forward(self, x):
        """log p(x)"""
        ld = 0
        for b in self.blocks:
            x, l = b(x)
            x = x.flip(1)
            ld = ld + l
        return -.5 * (x ** 2).sum(1) - .5 * D * math.log(2 * math.pi) + ld


train, val = power_like(12000), power_like(2000)
mu, sd = train.mean(0), train.std(0)
train, val = (train - mu) / sd, (val - mu) / sd
flow = MAF()
optimizer = torch.optim.Adam(flow.parameters(), lr=2e-3, weight_decay=1e-6)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 16)
writer = DiagWriter(sys.argv[1])
writer.watch(flow, optimizer)
for epoch in range(16):
    flow.train()
    tot = 0.
    for x in train[torch.randperm(len(train))].split(100):
        loss = -flow(x).mean()
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.)
        optimizer.step()
        tot += loss.item() * len(x)
    sched.step()
    flow.eval()
    with torch.no_grad(), writer.evaluating("val"):
        lp = flow(val)
        writer.add_loss("val", -lp.mean())
    print(f"epoch {epoch}: train NLL {tot / len(train):.4f}, val NLL {-lp.mean():.4f} +- {2 * lp.std() / len(val) ** .5:.3f}")
writer.close()
print(f"RESULT train={tot / len(train):.4f} val={-lp.mean():.4f}")

"""Transformer encoder on token sequences: does 'a' come before 'b'? (4 classes: order of two pairs of words)"""
import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
V, T, D = 24, 12, 32


def sample(n, g):
    x = torch.randint(5, V, (n, T), generator=g)
    pos = torch.rand(n, T, generator=g).argsort(1)[:, :4]
    for k in range(4):
        x[torch.arange(n), pos[:, k]] = k + 1
    y = (pos[:, 0] < pos[:, 1]).long() * 2 + (pos[:, 2] < pos[:, 3]).long()
    return x, y


class PositionalEncoding(nn.Module):
    def __init__(self, d, n=64):
        super().__init__()
        p = torch.arange(n)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(200.0) / d))
        self.register_buffer("pe", torch.stack([p.sin(), p.cos()], 2).reshape(n, d))

    def forward(self, x):
        return x + self.pe[:x.size(1)]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, D)
        self.pos = PositionalEncoding(D) if sys.argv[1] == "fixed" else None
        layer = nn.TransformerEncoderLayer(D, 4, 64, dropout=0.0, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(D, 4)

    def forward(self, x):
        h = self.emb(x)
        if self.pos is not None:
            h = self.pos(h)
        return self.out(self.enc(h).mean(1))


g = torch.Generator().manual_seed(1)
xs, ys = sample(6000, g); xv, yv = sample(500, g)
net = Classifier()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(net, opt, ce)
step = 0
for epoch in range(8):
    for b in torch.randperm(6000).split(64):
        loss = ce(net(xs[b]), ys[b])
        opt.zero_grad(); loss.backward(); opt.step(); step += 1
    with writer.evaluating("val"):
        o = net(xv); v = ce(o, yv).item()
    print(f"step {step} train {loss.item():.3f} val {v:.3f} acc {(o.argmax(1) == yv).float().mean():.3f}")
writer.close()

"""From the scans of a parcel's journey (tokens: depot, event kind, both mixed in one vocabulary) predict which of the
eight regions handled it most often. Simulated scan logs; hand-written multi-head attention."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(17)
torch.set_num_threads(1)
rng = np.random.default_rng(17)
REGIONS, PER, LEN = 8, 12, 24
VOCAB = REGIONS * PER + 20


def journeys(n):
    x, y = np.zeros((n, LEN), np.int64), np.zeros(n, np.int64)
    for i in range(n):
        w = rng.dirichlet(np.full(REGIONS, 0.6))
        reg = rng.choice(REGIONS, LEN, p=w)
        tok = reg * PER + rng.integers(0, PER, LEN)
        other = rng.random(LEN) < 0.35
        tok[other] = REGIONS * PER + rng.integers(0, 20, other.sum())
        cnt = np.bincount(reg[~other], minlength=REGIONS)
        x[i], y[i] = tok, cnt.argmax()
    return torch.tensor(x), torch.tensor(y)


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.h, self.d = heads, dim // heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.h, self.d).permute(2, 0, 3, 1, 4)
        scale = self.d ** 0.5
        if MODE == "faulty":
            att = (q @ k.transpose(-2, -1)) * scale
        else:
            att = (q @ k.transpose(-2, -1)) / scale
        out = att.softmax(-1) @ v
        return self.proj(out.transpose(1, 2).reshape(b, t, c))


class Encoder(nn.Module):
    def __init__(self, dim=32, heads=2):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, dim)
        self.cls = nn.Parameter(torch.randn(1, 1, dim))
        self.ln1, self.ln2, self.ln3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.att1, self.att2 = SelfAttention(dim, heads), SelfAttention(dim, heads)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.head = nn.Linear(dim, REGIONS)

    def forward(self, x):
        z = torch.cat([self.cls.expand(len(x), -1, -1), self.emb(x)], 1)
        z = z + self.att1(self.ln1(z))
        z = z + self.ff(self.ln2(z))
        z = z + self.att2(self.ln3(z))
        return self.head(z[:, 0])


xt, yt = journeys(3000)
xv, yv = journeys(800)
loader = DataLoader(TensorDataset(xt, yt), batch_size=64, shuffle=True)
model = Encoder()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)
for epoch in range(10):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with writer.evaluating("val"):
        out = model(xv)
        vl = loss_fn(out, yv).item()
    acc = (out.argmax(1) == yv).float().mean().item()
    print(f"[{epoch}] train {loss.item():.4f} val {vl:.4f} acc {acc:.4f}")
writer.close()
print("RESULT acc", round(acc, 4), "val_loss", round(vl, 4))

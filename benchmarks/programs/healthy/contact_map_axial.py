"""RNA-like contact map prediction with an outer-sum pair tensor and axial (row / column) attention.

Tensors are (batch, L, L, channels); the loss runs over the pairs i < j of a masked square, about 3 % of which are contacts.
"""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.metrics import average_precision_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
LMAX = 18
PAIRS = {(0, 3), (3, 0), (1, 2), (2, 1), (2, 3), (3, 2)}      # A-U, C-G, G-U


class Hairpins(Dataset):
    def __init__(self, n, seed):
        g = np.random.default_rng(seed)
        self.items = []
        for _ in range(n):
            L = int(g.integers(14, LMAX + 1))
            seq = g.integers(0, 4, L)
            y = np.zeros((L, L), np.float32)
            stem = int(g.integers(3, 5))
            loop = int(g.integers(3, 6))
            a = int(g.integers(0, L - 2 * stem - loop + 1))
            b = a + 2 * stem + loop - 1
            for k in range(stem):
                i, j = a + k, b - k
                if g.random() < 0.93:                          # a few mismatches inside the stem
                    p = [(1, 2), (2, 1), (0, 3), (3, 0), (2, 3)][g.choice(5, p=[.3, .3, .15, .15, .1])]
                    seq[i], seq[j] = p
                if (seq[i], seq[j]) in PAIRS and g.random() < 0.95:
                    y[i, j] = y[j, i] = 1
            self.items.append((seq, y))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def pad(batch):
    s = torch.full((len(batch), LMAX), 4)
    y = torch.zeros(len(batch), LMAX, LMAX)
    for k, (seq, c) in enumerate(batch):
        s[k, :len(seq)] = torch.as_tensor(seq)
        y[k, :len(seq), :len(seq)] = torch.as_tensor(c)
    return s, y


class AxialAttention(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.norm = nn.LayerNorm(c)
        self.qkv = nn.Linear(c, 3 * c, bias=False)
        self.out = nn.Linear(c, c)
        self.h = heads

    def forward(self, z, mask):                                # z: B, L, L, C; attends along the third axis
        B, L, M, C = z.shape
        q, k, v = self.qkv(self.norm(z)).view(B, L, M, 3, self.h, C // self.h).permute(3, 0, 1, 4, 2, 5)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, None, :])
        return z + self.out(a.transpose(2, 3).reshape(B, L, M, C))


class Block(nn.Module):
    def __init__(self, c, heads=2):
        super().__init__()
        self.row, self.col = AxialAttention(c, heads), AxialAttention(c, heads)
        self.conv = nn.Sequential(nn.GroupNorm(4, c), nn.Conv2d(c, c, 3, padding=1), nn.SiLU(), nn.Conv2d(c, c, 3, padding=1))

    def forward(self, z, mask):
        z = self.row(z, mask)
        z = self.col(z.transpose(1, 2), mask).transpose(1, 2)
        return z + self.conv(z.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class ContactNet(nn.Module):
    def __init__(self, c=16, depth=2):
        super().__init__()
        self.left, self.right = nn.Embedding(5, c), nn.Embedding(5, c)
        self.pair = nn.Embedding(25, c)
        self.dist = nn.Embedding(2 * LMAX, c)
        self.blocks = nn.ModuleList([Block(c) for _ in range(depth)])
        self.head = nn.Linear(c, 1)

    def forward(self, s):
        mask = s != 4
        pos = torch.arange(LMAX)
        z = self.left(s)[:, :, None] + self.right(s)[:, None] + self.pair(5 * s[:, :, None] + s[:, None]) + self.dist(pos[:, None] - pos + LMAX)
        for b in self.blocks:
            z = b(z, mask)
        o = self.head(z).squeeze(-1)
        return 0.5 * (o + o.transpose(1, 2))                    # contacts are symmetric


def masked_bce(logits, y, s):
    ok = (s != 4)
    m = torch.triu(ok[:, :, None] & ok[:, None], 3)
    return F.binary_cross_entropy_with_logits(logits[m], y[m])


EPOCHS, LR = 4, 3e-3
train = DataLoader(Hairpins(800, 0), batch_size=16, shuffle=True, collate_fn=pad)
val = DataLoader(Hairpins(300, 1), batch_size=50, collate_fn=pad)
model = ContactNet()
opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, LR, total_steps=EPOCHS * len(train))
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, masked_bce)
for epoch in range(EPOCHS):
    model.train()
    tr = 0
    for s, y in train:
        loss = writer.loss_fn(model(s), y, s)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        tr += loss.item() / len(train)
    model.eval()
    vs, ps, ts = 0, [], []
    with writer.evaluating("val"), torch.no_grad():
        for s, y in val:
            o = model(s)
            vs += writer.loss_fn(o, y, s).item() / len(val)
            m = torch.triu((s != 4)[:, :, None] & (s != 4)[:, None], 3)
            ps.append(o[m]); ts.append(y[m])
    ap = average_precision_score(torch.cat(ts), torch.cat(ps))
    print(f"epoch {epoch + 1} train {tr:.4f} val {vs:.4f} AP {ap:.3f} (contacts {torch.cat(ts).mean():.3f} of the pairs)")
writer.close()
print(f"RESULT val_bce {vs:.4f} train_bce {tr:.4f} AP {ap:.3f}")

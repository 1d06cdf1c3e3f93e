"""ViT (vit-pytorch layout) from scratch on a small picture set of six categories."""
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
N_CLS = 6


def pictures(n, seed, S=24):
    """coloured blobs, bars, rings, checks, crosses, gradients on cluttered ground"""
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:S, :S] - (S - 1) / 2
    X, Y = np.zeros((n, 3, S, S), np.float32), rs.randint(0, N_CLS, n)
    for k, c in enumerate(Y):
        x, y, s = xx - rs.uniform(-2, 2), yy - rs.uniform(-2, 2), rs.uniform(0.9, 1.1)
        r = np.hypot(x, y) / s
        m = [r < 6, (np.abs(x) < 2.2 * s), np.abs(r - 7) < 1.6, (np.abs(x) < 7) & (np.abs(y) < 7) & ((np.floor(x / 3) + np.floor(y / 3)) % 2 == 0),
             ((np.abs(x) < 1.8) | (np.abs(y) < 1.8)) & (r < 9), np.abs(y) < 2.2 * s][c]
        g = rs.uniform(0.2, 0.8, 3)
        col = g + rs.choice([-1, 1], 3) * rs.uniform(0.25, 0.5, 3)
        X[k] = np.where(m, col[:, None, None], g[:, None, None]) + rs.normal(0, 0.08, (3, S, S))
    return torch.tensor((np.clip(X, 0, 1) - 0.5) / 0.3), torch.tensor(Y)


class Attention(nn.Module):
    def __init__(self, dim, heads, dim_head, dropout):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, heads * dim_head * 3, bias=False)
        self.dropout = dropout
        self.to_out = nn.Sequential(nn.Linear(heads * dim_head, dim), nn.Dropout(dropout))

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = self.to_qkv(self.norm(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.to_out(o.transpose(1, 2).reshape(b, n, -1))


def FeedForward(dim, hidden, dropout):
    return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim), nn.Dropout(dropout))


class ViT(nn.Module):
    def __init__(self, *, image_size, patch_size, num_classes, dim, depth, heads, mlp_dim, dropout=0., emb_dropout=0.):
        super().__init__()
        n = (image_size // patch_size) ** 2
        self.p = patch_size
        self.to_patch_embedding = nn.Linear(3 * patch_size ** 2, dim)
        self.pos_embedding = nn.Parameter(torch.randn(1, n + 1, dim) * 0.02)
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.dropout = nn.Dropout(emb_dropout)
        self.layers = nn.ModuleList(nn.ModuleList([Attention(dim, heads, dim // heads, dropout), FeedForward(dim, mlp_dim, dropout)]) for _ in range(depth))
        self.mlp_head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, num_classes))

    def forward(self, img):
        x = self.to_patch_embedding(F.unfold(img, self.p, stride=self.p).transpose(1, 2))
        x = torch.cat([self.cls_token.expand(len(img), -1, -1), x], 1) + self.pos_embedding
        x = self.dropout(x)
        for attn, ff in self.layers:
            x = attn(x) + x
            x = ff(x) + x
        return self.mlp_head(x[:, 0])


cfg = dict(dropout=0.5, emb_dropout=0.5) if form == "faulty" else dict(dropout=0.1, emb_dropout=0.1)
vit = ViT(image_size=24, patch_size=6, num_classes=N_CLS, dim=48, depth=2, heads=4, mlp_dim=96, **cfg)
if form == "faulty":
    optimizer = torch.optim.Adam(vit.parameters(), lr=5e-3, weight_decay=0.1)
else:
    optimizer = torch.optim.Adam(vit.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
Xtr, ytr = pictures(2400, 1)
Xva, yva = pictures(400, 2)
writer = DiagWriter(logdir)
writer.watch(vit, optimizer, criterion)
for epoch in range(14):
    vit.train()
    tot = []
    for idx in torch.randperm(len(Xtr)).split(30):
        loss = criterion(vit(Xtr[idx]), ytr[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot.append(loss.item())
    hit, vl = 0, []
    vit.eval()
    with torch.no_grad():
        for a, t in zip(Xva.split(100), yva.split(100)):
            out = vit(a)
            vl.append(criterion(out, t).item()); hit += (out.argmax(1) == t).sum().item()
    print(f"epoch {epoch} loss {np.mean(tot):.4f} val {np.mean(vl):.4f} accuracy {hit / len(yva):.3f}")
writer.close()

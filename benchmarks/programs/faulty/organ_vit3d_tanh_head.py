"""3-D ViT (MONAI's) for small CT-like organ patches, nine classes, Adam, cross-entropy (after the spleen/brain classification notebooks)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
NUM_CLASSES = 9


def volumes(n, seed):
    """organ-like bodies in 12^3: ellipsoids of class-dependent elongation, lobes, cavities and density, in noisy tissue"""
    rs = np.random.RandomState(seed)
    g = np.mgrid[:12, :12, :12].astype(np.float32) - 5.5
    X, Y = np.zeros((n, 1, 12, 12, 12), np.float32), rs.randint(0, NUM_CLASSES, n)
    for k, c in enumerate(Y):
        d = g - rs.uniform(-0.8, 0.8, 3)[:, None, None, None]
        sc = 0.8 * rs.uniform(0.92, 1.08)
        ax = np.array([(5.5, 5, 5), (6.5, 3, 3), (3, 6.5, 3), (3, 3, 6.5), (6, 6, 2.5), (5, 5, 5), (4, 4, 4), (2.5, 6, 6), (4, 5, 6)][c]) * sc * rs.uniform(0.92, 1.08, 3)
        r = np.sqrt(((d / ax[:, None, None, None]) ** 2).sum(0))
        v = (r < 1).astype(np.float32)
        if c == 5: v -= (r < 0.55)
        if c == 6: v = np.maximum(v, (np.sqrt(((d - 3) ** 2).sum(0)) < 3))
        X[k, 0] = v * rs.uniform(0.6, 1.2) + 0.2 * np.sin(g[0] * rs.uniform(0.2, 0.5) + rs.uniform(0, 6)) + rs.normal(0, 0.25, v.shape)
    return torch.tensor((X - 0.25) / 0.6), torch.tensor(Y)


class PatchEmbed(nn.Module):
    def __init__(self, dim, patch=4, n=27):
        super().__init__()
        self.proj = nn.Conv3d(1, dim, patch, stride=patch)
        self.position_embeddings = nn.Parameter(torch.zeros(1, n, dim))
        nn.init.trunc_normal_(self.position_embeddings, std=0.02)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2) + self.position_embeddings


class Block(nn.Module):
    def __init__(self, dim, mlp_dim, heads, p):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out_proj = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp_dim), nn.GELU(), nn.Dropout(p), nn.Linear(mlp_dim, dim), nn.Dropout(p))
        self.heads = heads

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, hidden_size=48, mlp_dim=96, num_layers=2, num_heads=4, dropout_rate=0.1, num_classes=2):
        super().__init__()
        self.patch_embedding = PatchEmbed(hidden_size)
        self.blocks = nn.ModuleList(Block(hidden_size, mlp_dim, num_heads, dropout_rate) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, hidden_size))
        if form == "faulty":
            self.classification_head = nn.Sequential(nn.Linear(hidden_size, num_classes), nn.Tanh())
        else:
            self.classification_head = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        x = self.patch_embedding(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1)
        for blk in self.blocks:
            x = blk(x)
        return self.classification_head(self.norm(x)[:, 0])


Xtr, ytr = volumes(2000, 1)
Xva, yva = volumes(300, 2)
model = ViT(num_classes=NUM_CLASSES)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_function)
max_epochs, val_interval, best = 8, 1, -1
for epoch in range(max_epochs):
    model.train()
    epoch_loss, step = 0, 0
    for idx in torch.randperm(len(Xtr)).split(20):
        step += 1
        inputs, labels = Xtr[idx], ytr[idx]
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_function(outputs, labels)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    with writer.evaluating("val"):
        outs = torch.cat([model(a) for a in Xva.split(60)])
        vloss = float(np.mean([loss_function(o, t).item() for o, t in zip(outs.split(60), yva.split(60))]))
    metric = (outs.argmax(1) == yva).float().mean().item()
    best = max(best, metric)
    print(f"epoch {epoch + 1} average loss: {epoch_loss / step:.4f} val loss {vloss:.4f} accuracy {metric:.4f} best {best:.4f}")
writer.close()

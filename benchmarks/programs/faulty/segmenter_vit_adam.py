"""Tiny Segmenter (ViT encoder + linear decoder). Wanted to try Adam instead of the repo's SGD."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
cfg = dict(image_size=16, patch=4, d_model=48, heads=4, layers=3, n_cls=4, batch_size=32, epochs=8,
           optimizer="adam", lr=0.1 if sys.argv[1] == "faulty" else 0.002)


def make_set(n, seed):
    r = np.random.default_rng(seed)
    ims, segs = [], []
    colours = np.array([[.2, .5, .3], [.5, .45, .4], [.35, .5, .7], [.6, .5, .3]])
    for _ in range(n):
        f = np.stack([gaussian_filter(r.normal(size=(16, 16)), 2.6) for _ in range(4)])
        seg = f.argmax(0)
        im = colours[seg].transpose(2, 0, 1) + r.normal(0, .12, (3, 1, 1)) * .6
        tex = np.where(seg == 1, np.sin(np.arange(16) * 2.2)[None] * .15, 0)
        im = im + tex[None] + r.normal(0, .12, im.shape)
        ims.append(im); segs.append(seg)
    x = np.stack(ims).astype(np.float32)
    return torch.tensor((x - .45) / .2), torch.tensor(np.stack(segs))


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = nn.MultiheadAttention(d, h, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Segmenter(nn.Module):
    def __init__(self, image_size, patch, d_model, heads, layers, n_cls, **_):
        super().__init__()
        self.p, self.g, self.n_cls = patch, image_size // patch, n_cls
        self.patch_embed = nn.Conv2d(3, d_model, patch, stride=patch)
        self.pos_embed = nn.Parameter(torch.randn(1, self.g ** 2, d_model) * .02)
        self.blocks = nn.ModuleList([Block(d_model, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(d_model)
        self.decoder = nn.Linear(d_model, n_cls * patch * patch)

    def forward(self, im):
        x = self.patch_embed(im).flatten(2).transpose(1, 2) + self.pos_embed
        for blk in self.blocks:
            x = blk(x)
        x = self.decoder(self.norm(x))
        B = x.shape[0]
        x = x.view(B, self.g, self.g, self.n_cls, self.p, self.p).permute(0, 3, 1, 4, 2, 5)
        return x.reshape(B, self.n_cls, self.g * self.p, self.g * self.p)


def iou(pred, seg, n):
    return np.mean([((pred == c) & (seg == c)).sum().item() / max(1, ((pred == c) | (seg == c)).sum().item()) for c in range(n)])


def create_optimizer(cfg, model):
    if cfg["optimizer"] == "sgd":
        return torch.optim.SGD(model.parameters(), lr=cfg["lr"], momentum=.9)
    return torch.optim.Adam(model.parameters(), lr=cfg["lr"])


torch.manual_seed(1)
Xtr, Ytr = make_set(1400, 0)
Xva, Yva = make_set(300, 1)
model = Segmenter(**cfg)
optimizer = create_optimizer(cfg, model)
nb = len(Xtr) // cfg["batch_size"]
# polynomial schedule of the paper
lr_scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, cfg["epochs"] * nb, power=0.9)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(cfg["epochs"]):
    model.train()
    perm = torch.randperm(len(Xtr))
    acc_loss = 0
    for i in range(nb):
        b = perm[i * cfg["batch_size"]:(i + 1) * cfg["batch_size"]]
        im, seg = Xtr[b], Ytr[b]
        if torch.rand(1) < .5:
            im, seg = im.flip(3), seg.flip(2)
        loss = criterion(model(im), seg)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lr_scheduler.step()
        acc_loss += loss.item() / nb
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(Xva)
        vloss = criterion(out, Yva).item()
    miou = iou(out.argmax(1), Yva, cfg["n_cls"])
    print(f"[epoch {epoch}] loss {acc_loss:.4f} val_loss {vloss:.4f} mIoU {miou:.3f}")
writer.close()
print(f"RESULT train {acc_loss:.4f} val {vloss:.4f} mIoU {miou:.3f} pixel acc {(out.argmax(1) == Yva).float().mean():.3f}")

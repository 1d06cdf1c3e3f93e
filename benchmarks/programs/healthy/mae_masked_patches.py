"""Masked autoencoder (engine_pretrain.py): 75 % of the patches hidden, per-patch normalised pixel targets, loss only on the hidden ones. It ends at a high floor and is meant to."""
import math
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
SIDE, PATCH = 20, 4
L = (SIDE // PATCH) ** 2


field_gen = torch.Generator().manual_seed(4)
smooth = nn.functional.avg_pool2d(torch.randn(6, 1, SIDE + 8, SIDE + 8, generator=field_gen), 5, 1, 0)
smooth = nn.functional.avg_pool2d(smooth, 5, 1, 0)[:, 0]
MODES = smooth / smooth.std((1, 2), keepdim=True)


def terrain(n):
    """weather maps of one region: six modes of variation, saturating, with measurement noise"""
    c = torch.randn(n, 6) * torch.linspace(1.2, 0.6, 6)
    return torch.tanh((c @ MODES.flatten(1)).view(n, SIDE, SIDE)) + 0.1 * torch.randn(n, SIDE, SIDE)


def patchify(x):
    p = SIDE // PATCH
    return x.view(-1, p, PATCH, p, PATCH).permute(0, 1, 3, 2, 4).reshape(-1, L, PATCH * PATCH)


class MAE(nn.Module):
    def __init__(self, d=48, dd=32, depth=2):
        super().__init__()
        blk = lambda w: nn.TransformerEncoderLayer(w, 4, 3 * w, 0.0, 'gelu', batch_first=True, norm_first=True)
        self.embed = nn.Linear(PATCH ** 2, d)
        self.pos, self.dpos = nn.Parameter(0.02 * torch.randn(1, L, d)), nn.Parameter(0.02 * torch.randn(1, L, dd))
        self.enc = nn.TransformerEncoder(blk(d), depth, nn.LayerNorm(d), enable_nested_tensor=False)
        self.to_dec = nn.Linear(d, dd)
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, dd))
        self.dec = nn.TransformerEncoder(blk(dd), 1, nn.LayerNorm(dd), enable_nested_tensor=False)
        self.pred = nn.Linear(dd, PATCH ** 2)

    def forward(self, imgs, mask_ratio=0.75):
        p = patchify(imgs)
        keep = int(L * (1 - mask_ratio))
        ids = torch.rand(len(p), L).argsort(1)
        restore = ids.argsort(1)
        x = self.embed(p) + self.pos
        x = x.gather(1, ids[:, :keep, None].expand(-1, -1, x.shape[-1]))
        x = self.to_dec(self.enc(x))
        x = torch.cat([x, self.mask_token.expand(len(p), L - keep, -1)], 1)
        x = x.gather(1, restore[..., None].expand(-1, -1, x.shape[-1])) + self.dpos
        pred = self.pred(self.dec(x))
        target = (p - p.mean(-1, keepdim=True)) / (p.var(-1, keepdim=True) + 1e-6) ** .5
        mask = (restore >= keep).float()
        loss = (((pred - target) ** 2).mean(-1) * mask).sum() / mask.sum()
        return {'loss': loss, 'pred': pred, 'mask': mask}


val = terrain(1000)
model = MAE()
steps, batch, lr, warmup = 1400, 64, 4e-3, 80
opt = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.05)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)
run = 0.
for step in range(steps):
    for g in opt.param_groups:
        g['lr'] = lr * min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * max(0, step - warmup) / (steps - warmup))))
    out = model(terrain(batch))                  # fresh images every step
    opt.zero_grad()
    out['loss'].backward()
    opt.step()
    run += out['loss'].item()
    if (step + 1) % 100 == 0:
        model.eval()
        with torch.no_grad():
            v = model(val)['loss'].item()
        model.train()
        print(f'step {step + 1}  train_loss {run / 100:.4f}  val {v:.4f}')
        run = 0.
writer.close()

# Contrastive captioner: image encoder + text decoder, contrastive loss and captioning loss together
import sys, random
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, einsum
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(9); random.seed(9); np.random.seed(9)

COLORS = {"red": (1, .1, .1), "green": (.1, .8, .2), "blue": (.1, .2, 1), "yellow": (.9, .9, .1)}
SHAPES, PLACES, SIZES = ["disc", "square", "cross"], ["left", "right", "top", "bottom"], ["small", "big"]
words = ["<pad>", "<cls>", "a", "on", "the"] + list(COLORS) + SHAPES + PLACES + SIZES
stoi = {w: i for i, w in enumerate(words)}


def example(S=24):
    c, s, p, z = random.choice(list(COLORS)), random.choice(SHAPES), random.choice(PLACES), random.choice(SIZES)
    cx, cy = {"left": (6, 12), "right": (18, 12), "top": (12, 6), "bottom": (12, 18)}[p]
    cx, cy = cx + np.random.normal(0, 1), cy + np.random.normal(0, 1)
    r = 2.2 if z == "small" else 4.6
    yy, xx = np.mgrid[0:S, 0:S]
    dx, dy = abs(xx - cx), abs(yy - cy)
    m = {"disc": dx ** 2 + dy ** 2 < r * r, "square": np.maximum(dx, dy) < r * .9, "cross": ((dx < 1) & (dy < r)) | ((dy < 1) & (dx < r))}[s]
    img = np.random.normal(.4, .12, (3, S, S))
    img[:, m] = np.array(COLORS[c])[:, None] * np.random.uniform(.7, 1) + np.random.normal(0, .12, (3, m.sum()))
    cap = ["a", z, c, s, "on", "the", p]
    return img.astype(np.float32), [stoi[w] for w in cap]


def dataset(n):
    e = [example() for _ in range(n)]
    return (torch.tensor(np.stack([i for i, _ in e])) - .4) / .25, torch.tensor([t for _, t in e])


class ViT(nn.Module):
    def __init__(self, dim=32, patch=4, depth=2):
        super().__init__()
        self.to_patch = nn.Conv2d(3, dim, patch, patch)
        self.pos = nn.Parameter(torch.randn(36, dim) * .02)
        self.transformer = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, 4, 64, 0., batch_first=True, norm_first=True), depth, enable_nested_tensor=False)

    def forward(self, x):
        return self.transformer(self.to_patch(x).flatten(2).transpose(1, 2) + self.pos)


class Extractor(nn.Module):
    """returns the token embeddings of the wrapped vision transformer"""
    def __init__(self, vit):
        super().__init__()
        self.vit = vit

    def forward(self, img):
        latents = self.vit(img).clone()
        if form == "faulty":
            latents = latents.detach()
        return latents


class CoCa(nn.Module):
    def __init__(self, dim, img_encoder, num_tokens, caption_loss_weight=1., contrastive_loss_weight=1.):
        super().__init__()
        self.img_encoder = img_encoder
        self.token_emb = nn.Embedding(num_tokens, dim)
        self.text_pos = nn.Parameter(torch.randn(9, dim) * .02)
        self.text_cls = nn.Parameter(torch.randn(dim) * .02)
        self.unimodal = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, 4, 64, 0., batch_first=True, norm_first=True), 1, enable_nested_tensor=False)
        self.multimodal = nn.TransformerDecoder(nn.TransformerDecoderLayer(dim, 4, 64, 0., batch_first=True, norm_first=True), 1)
        self.img_norm, self.text_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_logits = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, num_tokens))
        self.temperature = nn.Parameter(torch.tensor(2.))
        self.cw, self.lw = contrastive_loss_weight, caption_loss_weight

    def forward(self, text, images):
        img_tokens = self.img_encoder(images)
        img_emb = self.img_norm(img_tokens.mean(1))
        bos = torch.full_like(text[:, :1], stoi["<cls>"])
        inp = torch.cat([bos, text[:, :-1]], 1)
        t = self.token_emb(inp) + self.text_pos[:inp.shape[1]]
        mask = torch.triu(torch.ones(inp.shape[1], inp.shape[1], dtype=torch.bool), 1)
        t = self.unimodal(t, mask=mask)
        full = self.unimodal(torch.cat([self.token_emb(text) + self.text_pos[:text.shape[1]], self.text_cls.expand(len(text), 1, -1)], 1))
        text_emb = self.text_norm(full[:, -1])
        logits = self.to_logits(self.multimodal(t, img_tokens, tgt_mask=mask))
        caption_loss = F.cross_entropy(logits.flatten(0, 1), text.flatten())
        sim = einsum("i d, j d -> i j", F.normalize(text_emb, dim=-1), F.normalize(img_emb, dim=-1)) * self.temperature.exp()
        lab = torch.arange(len(text))
        contrastive_loss = (F.cross_entropy(sim, lab) + F.cross_entropy(sim.t(), lab)) * .5
        return self.lw * caption_loss + self.cw * contrastive_loss, caption_loss, contrastive_loss, logits


coca = CoCa(32, Extractor(ViT()), len(words))
optim = torch.optim.AdamW(coca.parameters(), lr=2e-3, weight_decay=.01)
writer = DiagWriter(LOGDIR)
writer.watch(coca, optim)
I, T = dataset(2400)
Iv, Tv = dataset(300)
B, STEPS = 32, 420
for step in range(1, STEPS + 1):
    k = torch.randint(0, len(I), (B,))
    loss, cap, con, _ = coca(T[k], I[k])
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        coca.eval()
        with torch.no_grad():
            lv, capv, conv_, lg = coca(Tv, Iv)
            attr = (lg.argmax(-1) == Tv)[:, [1, 2, 3, 6]].float().mean().item()
        coca.train()
        print(f"step {step} loss {loss.item():.3f} (caption {cap.item():.3f} contrastive {con.item():.3f})  held out {lv.item():.3f} caption {capv.item():.3f}, attribute accuracy {attr:.3f}")
writer.close()

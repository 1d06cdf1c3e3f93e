"""Absorbing-state (masked) discrete diffusion on standard-library identifiers of 4..12 letters.
Loss: 1/t-weighted cross entropy at the masked places (the ELBO), so it is noisy from batch to batch."""
import math, os, re, string, sys, sysconfig
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

ALPH = " " + string.ascii_lowercase + "_"
MASK, L = len(ALPH), 12


def words():
    lib = sysconfig.get_paths()["stdlib"]
    out = set()
    for fn in sorted(os.listdir(lib)):
        if fn.endswith(".py"):
            out.update(re.findall(r"\b[a-z_]{4,12}\b", open(os.path.join(lib, fn), encoding="utf8", errors="ignore").read()))
    return sorted(out)


def tensor(ws):
    return torch.tensor([[ALPH.index(c) for c in w.ljust(L)] for w in ws])


class Denoiser(nn.Module):
    def __init__(self, d=64):
        super().__init__()
        self.tok = nn.Embedding(len(ALPH) + 1, d)
        self.pos = nn.Parameter(0.02 * torch.randn(L, d))
        layer = nn.TransformerEncoderLayer(d, 4, 4 * d, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, len(ALPH))

    def forward(self, x):
        return self.out(self.norm(self.enc(self.tok(x) + self.pos)))


def elbo(model, x0, t):
    m = torch.rand(x0.shape) < t[:, None]
    logits = model(torch.where(m, torch.full_like(x0, MASK), x0))
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    return ((ce * m).sum(1) / t).mean() / L


def strat(n):
    return ((torch.arange(n) + torch.rand(1)) / n).clamp(1e-2, 1)     # low-discrepancy times


def main():
    torch.manual_seed(31)
    torch.set_num_threads(1)
    ws = words()
    data = tensor(ws)[torch.randperm(len(ws))]
    train, val = data[600:], data[:600]
    model = Denoiser()
    ema = {k: v.clone() for k, v in model.state_dict().items()}
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01, betas=(0.9, 0.98))
    steps, warm = 880, 80
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / warm, 0.5 * (1 + math.cos(math.pi * s / steps)) + 0.02))
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt)
    for s in range(steps):
        x0 = train[torch.randint(len(train), (96,))]
        loss = elbo(model, x0, strat(96))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        for k, v in model.state_dict().items():
            ema[k].lerp_(v, 0.01)
        writer.add_scalar("Loss/train", loss.item(), s)
        if s % 110 == 109:
            model.eval()
            with torch.no_grad():
                v = sum(elbo(model, val, strat(600)).item() for _ in range(4)) / 4
            model.train()
            writer.add_scalar("Loss/val", v, s)
            print(s + 1, round(loss.item(), 3), round(v, 3))
    model.load_state_dict(ema)
    model.eval()
    with torch.no_grad():
        v = sum(elbo(model, val, strat(600)).item() for _ in range(8)) / 8
    writer.close()
    cnt = torch.bincount(train.flatten(), minlength=len(ALPH)).float() + 1
    uni = -(cnt / cnt.sum()).log()[val].mean().item()
    big = torch.ones(len(ALPH), len(ALPH)) * 0.1
    prev = torch.cat([torch.zeros(len(train), 1, dtype=torch.long), train[:, :-1]], 1)
    big.index_put_((prev.flatten(), train.flatten()), torch.ones(train.numel()), accumulate=True)
    pv = torch.cat([torch.zeros(600, 1, dtype=torch.long), val[:, :-1]], 1)
    bg = -(big / big.sum(1, keepdim=True)).log()[pv, val].mean().item()
    print("RESULT words", len(ws), "val_elbo_per_letter", round(v, 4), "unigram", round(uni, 4), "bigram", round(bg, 4))


main()

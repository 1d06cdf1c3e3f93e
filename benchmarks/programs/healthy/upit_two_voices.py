"""Utterance-level permutation invariant training (Kolbaek et al.): separate two synthetic voices with a small TCN that
estimates phase-free masks on magnitude spectra. Which output is which speaker is decided by the smaller of both losses, so for
some epochs both outputs are the same (half of the mixture each) and the loss is stuck at that level before it drops."""
import sys
import argparse
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def voice(rng, n, f_lo, f_hi, T=40, F=48):
    """harmonic combs with a wandering pitch, on/off syllables: magnitude spectrogram (n, T, F)"""
    f = np.arange(F)[None, None]
    base = rng.uniform(f_lo, f_hi, (n, 1))
    pitch = base * (1 + .15 * np.sin(np.cumsum(rng.normal(0, .25, (n, T)), 1)))
    env = np.exp(-f / rng.uniform(10, 25, (n, 1, 1)))
    mag = sum(np.exp(-((f - h * pitch[..., None]) / .8) ** 2) for h in range(1, 9)) * env
    on = np.cumsum(rng.random((n, T)) < .15, 1) % 3 != 0
    return (mag * on[..., None] * rng.lognormal(0, .25, (n, 1, 1))).astype(np.float32)


def mixtures(n, seed):
    rng = np.random.default_rng(seed)
    a, b = voice(rng, n, 3.5, 6), voice(rng, n, 7, 11)
    swap = rng.random(n) < .5                                     # no fixed order of the targets
    s = np.stack([np.where(swap[:, None, None], b, a), np.where(swap[:, None, None], a, b)], 1)
    mix = s.sum(1) + np.abs(rng.normal(0, .05, s[:, 0].shape))
    return torch.tensor(mix, dtype=torch.float32), torch.tensor(s, dtype=torch.float32)


class TCN(nn.Module):
    def __init__(self, F=48, c=48, blocks=4):
        super().__init__()
        self.inp = nn.Conv1d(F, c, 1)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Conv1d(c, c, 3, padding=2 ** i, dilation=2 ** i), nn.PReLU(), nn.GroupNorm(1, c),
                                                  nn.Conv1d(c, c, 1)) for i in range(blocks))
        self.mask = nn.Conv1d(c, 2 * F, 1)

    def forward(self, mix):                                       # (B, T, F)
        h = self.inp(torch.log1p(10 * mix).transpose(1, 2))
        for b in self.blocks:
            h = h + b(h)
        m = torch.sigmoid(self.mask(h)).transpose(1, 2)           # (B, T, 2F)
        return torch.stack(m.chunk(2, -1), 1) * mix[:, None]


class PITLoss(nn.Module):
    def forward(self, est, ref):
        straight = ((est - ref) ** 2).sum((1, 3)).mean(1)
        crossed = ((est - ref.flip(1)) ** 2).sum((1, 3)).mean(1)
        return torch.minimum(straight, crossed).mean()


def main(logdir, n_epochs=10, bs=16, lr=2e-3):
    torch.manual_seed(3)
    mix, src = mixtures(1200, 0)
    vmix, vsrc = mixtures(200, 1)
    model, crit = TCN(), PITLoss()
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, crit)
    for ep in range(n_epochs):
        for g in opt.param_groups:
            g["lr"] *= .85 if ep > 3 else 1
        model.train()
        tl = []
        for i in torch.randperm(len(mix)).split(bs):
            loss = crit(model(mix[i]), src[i])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5)
            opt.step()
            tl.append(loss.item())
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            est = model(vmix)
            vl = crit(est, vsrc).item()
        print(f"epoch {ep + 1:2d} | PIT loss {np.mean(tl):.4f} | val {vl:.4f}", flush=True)
    half = crit(torch.stack([vmix / 2] * 2, 1), vsrc).item()
    writer.close()
    print(f"RESULT train {np.mean(tl):.4f} val {vl:.4f} half_mixture {half:.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    main(ap.parse_args().logdir)

"""DDSP-like decoder: an additive synthesiser driven by a GRU, trained with a multi-scale spectral loss only.

The waveform itself is never compared (phases are free), loss = sum over FFT sizes of |S - S'| + |log S - log S'|, so its
value is large (several units) and ends well above zero because of the noise in the recordings.
"""
import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)

SR, N, FRAMES, K = 4000, 2048, 32, 8
HOP = N // FRAMES
SCALES = [512, 256, 128, 64]


def upsample(x):                                   # (B, F, C) -> (B, N, C)
    return nn.functional.interpolate(x.transpose(1, 2), size=N, mode="linear", align_corners=True).transpose(1, 2)


def harmonic(f0, amps):
    phase = torch.cumsum(2 * math.pi * upsample(f0) / SR, 1)
    k = torch.arange(1, K + 1)
    a = upsample(amps) * ((f0.mean(1, keepdim=True) * k) < SR / 2)
    return (a * torch.sin(phase * k)).sum(-1)


def make_notes(n):
    """'clarinet': odd harmonics get stronger with loudness; vibrato; breath noise"""
    f0 = 110 * 2 ** (torch.rand(n, 1, 1) * 1.5)
    t = torch.linspace(0, 1, FRAMES)[None, :, None]
    f0 = f0 * (1 + 0.008 * torch.sin(2 * math.pi * (4 + 2 * torch.rand(n, 1, 1)) * t))
    attack = 0.03 + 0.1 * torch.rand(n, 1, 1)
    loud = (1 - torch.exp(-t / attack)) * torch.exp(-t * 2 * torch.rand(n, 1, 1)) * (0.3 + 0.7 * torch.rand(n, 1, 1))
    k = torch.arange(1, K + 1)
    odd = (k % 2).float() * 0.8 + 0.2
    bright = 1.8 - 1.2 * loud
    amps = loud * odd * k ** (-bright)
    ph = torch.cumsum(2 * math.pi * upsample(f0) / SR, 1) * k + 2 * math.pi * torch.rand(n, 1, K)
    y = (upsample(amps) * torch.sin(ph)).sum(-1) + 0.01 * torch.randn(n, N)
    return f0, torch.log(loud + 1e-3) + 0.05 * torch.randn_like(loud), y


class Decoder(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.mlp_f = nn.Sequential(nn.Linear(1, hidden), nn.LayerNorm(hidden), nn.LeakyReLU())
        self.mlp_l = nn.Sequential(nn.Linear(1, hidden), nn.LayerNorm(hidden), nn.LeakyReLU())
        self.gru = nn.GRU(2 * hidden, hidden, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(hidden + 2, hidden), nn.LayerNorm(hidden), nn.LeakyReLU())
        self.amp = nn.Linear(hidden, 1)
        self.dist = nn.Linear(hidden, K)

    @staticmethod
    def scale(x):
        return 2 * torch.sigmoid(x) ** math.log(10) + 1e-7

    def forward(self, f0, loud):
        fm = 12 * torch.log2(f0 / 110) / 18
        h, _ = self.gru(torch.cat([self.mlp_f(fm), self.mlp_l(loud)], -1))
        h = self.mlp(torch.cat([h, fm, loud], -1))
        d = self.scale(self.dist(h))
        amps = self.scale(self.amp(h)) * d / d.sum(-1, keepdim=True)
        return harmonic(f0, amps)


class MultiScaleSpectralLoss(nn.Module):
    def forward(self, y_hat, y):
        total = 0.
        for n in SCALES:
            w = torch.hann_window(n)
            S = [torch.stft(v, n, n // 4, window=w, return_complex=True).abs() for v in (y_hat, y)]
            total = total + (S[0] - S[1]).abs().mean() + ((S[0] + 1e-2).log() - (S[1] + 1e-2).log()).abs().mean()
        return total


train, valid = make_notes(240), make_notes(64)
model = Decoder()
spectral = MultiScaleSpectralLoss()
opt = torch.optim.Adam(model.parameters(), lr=6e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.85)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, spectral)

step = 0
for epoch in range(16):
    for idx in torch.randperm(240).split(16):
        f0, loud, y = (v[idx] for v in train)
        loss = spectral(model(f0, loud), y)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        opt.step()
        step += 1
    sched.step()
    with torch.no_grad(), writer.evaluating("val"):
        v = spectral(model(valid[0], valid[1]), valid[2]).item()
    print(f"epoch {epoch} step {step} loss {loss.item():.3f} val {v:.3f} lr {sched.get_last_lr()[0]:.2e}")
with torch.no_grad():
    silence = spectral(torch.zeros_like(valid[2]), valid[2]).item()
writer.close()
print(f"RESULT val_loss={v:.4f} silence={silence:.3f}")

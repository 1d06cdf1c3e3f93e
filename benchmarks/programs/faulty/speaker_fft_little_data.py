"""Speaker recognition from the FFT of short clips with a residual 1-D conv net (after the Keras example by Fadi Badine).
Clips are synthesised: a glottal pulse train through formant resonances, with background noise added in training."""
import sys
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


@dataclass
class Config:
    n_speakers: int = 5
    clip: int = 512
    n_train: int = 2500
    n_val: int = 500
    batch: int = 32
    steps: int = 800
    lr: float = 1e-3
    keep_training_data: float = 1.0
    seed: int = 43


def clips(n, cfg, rng):
    spk_rng = np.random.RandomState(100)
    f0s = spk_rng.uniform(95, 210, cfg.n_speakers)
    forms = np.c_[spk_rng.uniform(430, 620, cfg.n_speakers), spk_rng.uniform(1150, 1650, cfg.n_speakers), spk_rng.uniform(2300, 2700, cfg.n_speakers)]
    y = rng.randint(0, cfg.n_speakers, n)
    sr = 8000
    t = np.arange(cfg.clip) / sr
    x = np.zeros((n, cfg.clip))
    for i, s in enumerate(y):
        f0 = f0s[s] * np.exp(rng.randn() * .22)                       # intonation
        fm = forms[s] * np.exp(rng.randn(3) * .06)
        vowel = rng.choice([.75, 1., 1.3])
        for k in range(1, int(3800 / f0)):
            f = k * f0
            a = sum(np.exp(-.5 * ((f - c * (vowel if j == 0 else 1)) / 160) ** 2) for j, c in enumerate(fm)) / k ** .3
            x[i] += a * np.sin(2 * np.pi * f * t + rng.rand() * 6.28)
        x[i] /= np.abs(x[i]).max()
        x[i] += rng.randn(cfg.clip) * .12
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def audio_to_fft(audio):
    return torch.fft.rfft(audio).abs()[:, None, :-1].log1p()


class Residual(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.short = nn.Conv1d(cin, cout, 1)
        self.a = nn.Conv1d(cin, cout, 3, padding=1)
        self.b = nn.Conv1d(cout, cout, 3, padding=1)

    def forward(self, x):
        return F.max_pool1d(F.relu(self.b(F.relu(self.a(x))) + self.short(x)), 2)


def build(cfg):
    return nn.Sequential(Residual(1, 16), Residual(16, 32), Residual(32, 48), nn.AvgPool1d(3, 3), nn.Flatten(),
                         nn.Linear(48 * 10, 128), nn.ReLU(), nn.Linear(128, cfg.n_speakers))


def main(cfg, logdir):
    torch.manual_seed(cfg.seed)
    rng = np.random.RandomState(cfg.seed)
    xt, yt = clips(cfg.n_train, cfg, rng)
    xv, yv = clips(cfg.n_val, cfg, rng)
    keep = int(len(xt) * cfg.keep_training_data)
    xt, yt = xt[:keep], yt[:keep]
    print(keep, 'training clips')
    fv = audio_to_fft(xv)
    model = build(cfg)
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, F.cross_entropy)
    run, n = 0., 0
    perm = torch.empty(0, dtype=torch.long)
    for step in range(1, cfg.steps + 1):
        if len(perm) < cfg.batch:
            perm = torch.cat([perm, torch.randperm(keep)])
        b, perm = perm[:cfg.batch], perm[cfg.batch:]
        noisy = xt[b] + torch.randn_like(xt[b]) * .05
        loss = F.cross_entropy(model(audio_to_fft(noisy)), yt[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        run += loss.item(); n += 1
        if step % 50 == 0:
            with writer.evaluating('val'):
                out = model(fv)
                v = F.cross_entropy(out, yv).item()
            acc = (out.argmax(1) == yv).float().mean().item()
            print(f'step {step} train {run / n:.4f} val {v:.4f} acc {acc:.3f}')
            tr, run, n = run / n, 0., 0
    writer.close()
    print(f'RESULT train={tr:.4f} val={v:.4f} acc={acc:.3f}')


if __name__ == '__main__':
    cfg = Config()
    if sys.argv[1] == 'faulty':
        cfg.keep_training_data = 0.05
    main(cfg, sys.argv[2])

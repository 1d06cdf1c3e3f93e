"""Noise suppression: a GRU estimates the ratio mask of a noisy spectrogram (made speech-like sounds in made noise).

The loss is the error of the compressed masked magnitude, F.mse_loss in the loop.
"""
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tb_lossdiag import DiagWriter

SR, NFFT, HOP, T = 4000, 128, 64, 32


def speech(rng, n):
    """voiced syllables: harmonics of a gliding pitch through two formants, with pauses and some fricatives"""
    out, pos = np.zeros(n), 0
    while pos < n:
        d = rng.randint(400, 1100)
        t = np.arange(d) / SR
        env = np.sin(np.pi * np.arange(d) / d) ** .7
        kind = rng.rand()
        if kind < .65:
            f0 = rng.uniform(90, 220) * (1 + rng.uniform(-.15, .15) * np.arange(d) / d)
            ph = 2 * np.pi * np.cumsum(f0) / SR
            f1, f2 = rng.uniform(300, 800), rng.uniform(900, 1700)
            s = sum(np.sin(k * ph) * (np.exp(-((k * f0 - f1) / 130) ** 2) + .6 * np.exp(-((k * f0 - f2) / 200) ** 2) + .03) for k in range(1, 12))
        elif kind < .8:
            s = .25 * np.diff(rng.randn(d + 1))
        else:
            s = np.zeros(d)
        m = min(d, n - pos)
        out[pos:pos + m] += (env * s)[:m]
        pos += d
    return out / (out.std() + 1e-3)


def noise(rng, n):
    kind = rng.randint(3)
    w = rng.randn(n)
    if kind == 0:                                                      # pink-ish
        w = np.convolve(w, .85 ** np.arange(30), "same")
    elif kind == 1:                                                    # hum with harmonics
        f = rng.uniform(45, 120)
        w = .4 * w + sum(rng.rand() * np.sin(2 * np.pi * f * k * np.arange(n) / SR + rng.rand() * 6) for k in (1, 2, 3, 5, 8))
    else:                                                              # crackling, modulated
        w = w * (.4 + (np.sin(2 * np.pi * rng.uniform(1, 4) * np.arange(n) / SR) > .2))
    return w / w.std()


def build(n, seed):
    rng = np.random.RandomState(seed)
    length = (T - 1) * HOP
    c = np.stack([speech(rng, length) for _ in range(n)])
    z = np.stack([noise(rng, length) for _ in range(n)]) * 10 ** (-rng.uniform(-3, 9, (n, 1)) / 20)
    spec = lambda a: torch.stft(torch.tensor(a, dtype=torch.float32), NFFT, HOP, window=torch.hann_window(NFFT),
                                return_complex=True).abs().transpose(1, 2)
    return spec(c + z), spec(c)


class MaskNet(nn.Module):
    def __init__(self, bins=NFFT // 2 + 1, hidden=48):
        super().__init__()
        self.norm = nn.LayerNorm(bins)
        self.inp = nn.Linear(bins, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, bins)

    def forward(self, mag):
        h = torch.tanh(self.inp(self.norm(torch.log1p(mag))))
        h, _ = self.gru(h)
        return torch.sigmoid(self.out(h))


def compressed(mag):
    return (mag + 1e-6) ** .3


def run(logdir, epochs=9, bs=20, lr=3e-3):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    noisy, clean = build(640, 1)
    noisy_v, clean_v = build(160, 2)
    net = MaskNet()
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=1e-3)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=lr, epochs=epochs, steps_per_epoch=-(-len(noisy) // bs))
    writer = DiagWriter(logdir)
    writer.watch(net, opt, F.mse_loss)
    do_nothing = F.mse_loss(compressed(noisy_v), compressed(clean_v)).item()
    ideal = F.mse_loss(compressed(noisy_v * (clean_v / (noisy_v + 1e-6)).clamp(0, 1)), compressed(clean_v)).item()
    print(f"noisy {do_nothing:.4f}, ideal mask {ideal:.4f}")
    for ep in range(epochs):
        net.train()
        s = 0.
        for i in torch.randperm(len(noisy)).split(bs):
            est = net(noisy[i]) * noisy[i]
            loss = writer.loss_fn(compressed(est), compressed(clean[i]))
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            sched.step()
            s += loss.item() * len(i)
        net.eval()
        with writer.evaluating("val"), torch.no_grad():
            v = writer.loss_fn(compressed(net(noisy_v) * noisy_v), compressed(clean_v)).item()
        print(f"epoch {ep + 1:2d}/{epochs}  train {s / len(noisy):.5f}  val {v:.5f}")
    writer.close()
    print(f"RESULT val={v:.5f} noisy={do_nothing:.5f} ideal_mask={ideal:.5f}")


if __name__ == "__main__":
    run(sys.argv[1])

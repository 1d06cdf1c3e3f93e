"""Sound events in one long kennel recording (simulated: bark, whine, howl, clank in background
noise, sampled at 4 kHz), with an annotation table onset[s], kind.  Small transformer on spectrogram frames."""
import argparse
from dataclasses import dataclass
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

@dataclass
class Config:
    sr: int = 4000
    clip: float = 0.35
    n_events: int = 1600
    dim: int = 48
    lr: float = 1e-3
    epochs: int = 14
    batch: int = 32

def synth(kind, n, sr, rng):
    t = np.arange(n) / sr
    f = rng.uniform(0.9, 1.1)
    if kind == 0:    # bark
        y = np.sign(np.sin(2 * np.pi * 400 * f * t)) * np.exp(-t * 14) * (t < .2)
    elif kind == 1:  # whine
        y = np.sin(2 * np.pi * (900 * f * t + 40 * np.sin(2 * np.pi * 6 * t) / 6))
    elif kind == 2:  # howl
        y = np.sin(2 * np.pi * (450 * f * t + 300 * t ** 2))
    else:            # clank
        y = sum(np.sin(2 * np.pi * q * f * t) for q in (730, 1190, 1610)) / 2 * np.exp(-t * 9)
    return y * rng.uniform(.5, 1.)

def make_recording(cfg, rng):
    n = int(cfg.clip * cfg.sr)
    gaps = rng.uniform(0.7, 2.1, cfg.n_events)
    onsets = np.cumsum(gaps)
    kinds = rng.integers(0, 4, cfg.n_events)
    audio = 0.15 * rng.standard_normal(int((onsets[-1] + 3) * cfg.sr))
    for o, k in zip(onsets, kinds):
        s = int(o * cfg.sr)
        audio[s:s + n] += synth(k, n, cfg.sr, rng)
    return audio.astype(np.float32), onsets, kinds

class EventClips(Dataset):
    def __init__(self, audio, onsets, kinds, cfg, mode):
        self.audio, self.cfg = torch.from_numpy(audio), cfg
        self.onsets, self.kinds = onsets, kinds
        self.n = int(cfg.clip * cfg.sr)
        self.win = torch.hann_window(128)
        self.mode = mode
    def __len__(self):
        return len(self.onsets)
    def __getitem__(self, i):
        if self.mode == "fixed":
            start = int(self.onsets[i] * self.cfg.sr)
        else:
            start = int(self.onsets[i]) * self.cfg.sr
        x = self.audio[start:start + self.n]
        s = torch.stft(x, 128, 64, window=self.win, return_complex=True).abs()
        s = torch.log(s + 1e-2)
        return ((s + 0.5) / 1.5).T, int(self.kinds[i])

class FrameTransformer(nn.Module):
    def __init__(self, d, frames):
        super().__init__()
        self.inp = nn.Linear(65, d)
        self.pos = nn.Parameter(0.02 * torch.randn(1, frames, d))
        layer = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.1, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 4))
    def forward(self, x):
        return self.head(self.enc(self.inp(x) + self.pos).mean(1))

def main():
    p = argparse.ArgumentParser()
    p.add_argument("mode", choices=["faulty", "fixed"])
    p.add_argument("logdir")
    a = p.parse_args()
    torch.set_num_threads(1); torch.manual_seed(0)
    cfg = Config()
    audio, onsets, kinds = make_recording(cfg, np.random.default_rng(0))
    ds = EventClips(audio, onsets, kinds, cfg, a.mode)
    tr, va = random_split(ds, [1300, 300], generator=torch.Generator().manual_seed(1))
    tl, vl = DataLoader(tr, cfg.batch, shuffle=True), DataLoader(va, 100)
    model = FrameTransformer(cfg.dim, ds[0][0].shape[0])
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=0.01)
    lossf = nn.CrossEntropyLoss()
    writer = DiagWriter(a.logdir)
    writer.watch(model, opt, lossf)
    for epoch in range(cfg.epochs):
        model.train()
        for x, y in tl:
            loss = lossf(model(x), y)
            opt.zero_grad(); loss.backward(); opt.step()
        model.eval(); hit = 0
        with writer.evaluating("val"):
            for x, y in vl:
                o = model(x); lossf(o, y)
                hit += (o.argmax(1) == y).sum().item()
        print(epoch, f"{loss.item():.3f}", f"val acc {hit / len(va):.3f}")
    writer.close()
    print("RESULT val_acc", round(hit / len(va), 4))

if __name__ == "__main__":
    main()

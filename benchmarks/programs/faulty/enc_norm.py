import sys
from dataclasses import dataclass
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter


class EncoderNormalizer:
    """standardise every window with the statistics of its encoder part"""

    def fit(self, past):
        self.mean, self.std = past.mean(), past.std() + 1e-3
        return self

    def transform(self, v):
        return (v - self.mean) / self.std


@dataclass
class DataConfig:
    n_series: int = 40
    length: int = 220
    encoder_len: int = 36
    decoder_len: int = 6


def make_series(cfg, seed=4):
    g = np.random.default_rng(seed)
    t = np.arange(cfg.length)
    out = []
    for _ in range(cfg.n_series):
        level, amp, trend = g.uniform(80, 160), g.uniform(5, 15), g.uniform(-.05, .05)
        season = amp * np.sin(2 * np.pi * t / 12 + g.uniform(0, 6)) + amp * .5 * np.sin(2 * np.pi * t / 6 + g.uniform(0, 6))
        ar = np.zeros(cfg.length)
        for i in range(1, cfg.length):
            ar[i] = .8 * ar[i - 1] + g.normal(0, 1.2)
        out.append(level + trend * t + season + ar)
    return np.stack(out).astype(np.float32)


class Windows(Dataset):
    def __init__(self, series, cfg, start, stop, scale_target):
        self.s, self.cfg, self.scale_target = series, cfg, scale_target
        w = cfg.encoder_len + cfg.decoder_len
        self.index = [(i, t) for i in range(len(series)) for t in range(start, stop - w, 3)]

    def __len__(self):
        return len(self.index)

    def __getitem__(self, k):
        i, t = self.index[k]
        e = self.cfg.encoder_len
        past, fut = self.s[i, t:t + e], self.s[i, t + e:t + e + self.cfg.decoder_len]
        norm = EncoderNormalizer().fit(past)
        y = norm.transform(fut) if self.scale_target else fut
        return torch.from_numpy(norm.transform(past))[:, None], torch.from_numpy(y), norm.mean, norm.std


class GRUForecaster(nn.Module):
    def __init__(self, cfg, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, cfg.decoder_len))

    def forward(self, x):
        _, h = self.rnn(x)
        return self.head(h[-1])


def main(form, logdir):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    cfg = DataConfig()
    series = make_series(cfg)
    scale = form == "fixed"
    train = DataLoader(Windows(series, cfg, 0, 170, scale), batch_size=64, shuffle=True)
    val = DataLoader(Windows(series, cfg, 130, 220, scale), batch_size=256)
    model = GRUForecaster(cfg)
    opt = torch.optim.Adam(model.parameters(), lr=1e-2)
    crit = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, opt, crit)
    for epoch in range(14):
        model.train()
        tot = 0
        for x, y, _, _ in train:
            opt.zero_grad()
            loss = crit(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            tot += loss.item() / len(train)
        model.eval()
        mae, vl = [], 0
        with torch.no_grad(), writer.evaluating("val"):
            for x, y, m, s in val:
                p = model(x)
                vl += crit(p, y).item() / len(val)
                err = (p - y).abs()
                mae.append((err * s[:, None] if scale else err).mean().item())
        print(f"epoch {epoch} train_loss {tot:.4f} val_loss {vl:.4f} val MAE (units) {np.mean(mae):.3f}")
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])

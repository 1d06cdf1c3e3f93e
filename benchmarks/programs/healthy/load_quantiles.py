"""Electric load, a day ahead with quantiles: three pinball losses summed over a shared N-BEATS like stack
(after philipperemy/n-beats and the quantile tutorials; windows are chosen at random, the last weeks are for validation)."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

QUANTILES = [.1, .5, .9]
BACK, FORE = 72, 24


def series(days=900, seed=0):
    rng = np.random.default_rng(seed)
    h = np.arange(days * 24)
    day, hour = h // 24, h % 24
    temp = 12 - 10 * np.cos(2 * np.pi * day / 365) + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
    ar = np.zeros(len(h))
    for i in range(1, len(h)):
        ar[i] = .93 * ar[i - 1] + rng.normal(0, 1.1)
    shape = 18 * np.exp(-(hour - 8) ** 2 / 6) + 26 * np.exp(-(hour - 19) ** 2 / 8)
    load = 300 + 2.2 * np.maximum(16 - temp, 0) + shape * np.where(day % 7 < 5, 1, .6) + 2.2 * ar
    load = load + rng.normal(0, 1, len(h)) * (2 + .1 * shape)   # the spread depends on the hour
    return load


class Block(nn.Module):
    def __init__(self, units=64):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(BACK + 9, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU())
        self.backcast = nn.Linear(units, BACK)
        self.forecast = nn.Linear(units, FORE * len(QUANTILES))

    def forward(self, x, cal):
        h = self.fc(torch.cat([x, cal], 1))
        return self.backcast(h), self.forecast(h).view(-1, FORE, len(QUANTILES))


class NBeats(nn.Module):
    def __init__(self, n_blocks=3):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(n_blocks))

    def forward(self, x, cal):
        # every window relative to its own last day
        level = x[:, -24:].mean(1, keepdim=True)
        x = x - level
        out = 0
        for b in self.blocks:
            back, fore = b(x, cal)
            x = x - back
            out = out + fore
        return out + level.unsqueeze(2)


class QuantileLoss(nn.Module):
    def __init__(self, quantiles):
        super().__init__()
        self.quantiles = quantiles

    def forward(self, preds, target):
        losses = []
        for i, q in enumerate(self.quantiles):
            e = target - preds[..., i]
            losses.append(torch.max((q - 1) * e, q * e))
        return torch.stack(losses).sum(0).mean()


def window(s, idx):
    x = np.stack([s[i - BACK:i] for i in idx])
    y = np.stack([s[i:i + FORE] for i in idx])
    cal = np.zeros((len(idx), 9))
    cal[np.arange(len(idx)), (idx // 24) % 7] = 1
    cal[:, 7], cal[:, 8] = np.sin(2 * np.pi * (idx % 24) / 24), np.cos(2 * np.pi * (idx % 24) / 24)
    return [torch.tensor(a, dtype=torch.float32) for a in (x, cal, y)]


def main():
    torch.manual_seed(0)
    np.random.seed(0)
    s = series()
    split = int(len(s) * .85)
    mean, std = s[:split].mean(), s[:split].std()
    s = (s - mean) / std
    net = NBeats()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    steps = 700
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=4e-3, total_steps=steps)
    loss_fn = QuantileLoss(QUANTILES)
    writer = DiagWriter(sys.argv[1])
    writer.watch(net, opt, loss_fn)
    val = window(s, np.arange(split + BACK, len(s) - FORE, 5))
    hist = []
    for step in range(steps):
        x, cal, y = window(s, np.random.randint(BACK, split - FORE, 64))
        net.train()
        loss = loss_fn(net(x, cal), y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        sched.step()
        hist.append(loss.item())
        if (step + 1) % 140 == 0:
            net.eval()
            with torch.no_grad(), writer.evaluating("val"):
                p = net(val[0], val[1])
                vl = loss_fn(p, val[2]).item()
            cover = [(val[2] < p[..., i]).float().mean().item() for i in range(3)]
            print('step %d train %.4f val %.4f coverage %.2f %.2f %.2f' % (step + 1, np.mean(hist[-140:]), vl, *cover))


if __name__ == '__main__':
    main()

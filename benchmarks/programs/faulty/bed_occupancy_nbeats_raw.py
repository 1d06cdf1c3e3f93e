# forecast next week's occupied beds of a ward group from the last four weeks; N-BEATS-like block; targets as they come (about 300)
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)


class TimeSeriesDataSet(torch.utils.data.Dataset):
    def __init__(self, series, start, stop, encoder=28, decoder=7, normalizer=None):
        self.items = []
        for s in series:
            for t in range(start, stop - encoder - decoder, 2):
                self.items.append((s[t:t + encoder], s[t + encoder:t + encoder + decoder]))
        self.center, self.scale = normalizer or (0.0, 1.0)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        x, y = self.items[i]
        return (torch.tensor((x - 300) / 60, dtype=torch.float32),
                torch.tensor((y - self.center) / self.scale, dtype=torch.float32))


class Block(nn.Module):
    def __init__(self, n_in, n_out, width=64):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.back, self.fore = nn.Linear(width, n_in), nn.Linear(width, n_out)

    def forward(self, x):
        h = self.fc(x)
        return self.back(h), self.fore(h)


class NBeats(nn.Module):
    def __init__(self, n_in=28, n_out=7, blocks=3):
        super().__init__()
        self.blocks = nn.ModuleList(Block(n_in, n_out) for _ in range(blocks))

    def forward(self, x):
        out = 0
        for b in self.blocks:
            back, fore = b(x)
            x, out = x - back, out + fore
        return out


def make_series(rng, days=700):
    t = np.arange(days)
    lev = 300 + 35 * rng.normal() + 45 * np.sin(2 * np.pi * (t / 365 + rng.uniform()))
    week = np.array([8, 12, 14, 10, 2, -22, -24]) * rng.uniform(.6, 1.4)
    ar = np.zeros(days)
    for k in range(1, days):
        ar[k] = .9 * ar[k - 1] + rng.normal(0, 6)
    return lev + week[t % 7] + ar


def main(form, logdir, lr=1e-3):
    torch.manual_seed(4)
    rng = np.random.default_rng(4)
    series = [make_series(rng) for _ in range(10)]
    normalizer = None if form == "faulty" else (300.0, 60.0)
    training = TimeSeriesDataSet(series, 0, 560, normalizer=normalizer)
    validation = TimeSeriesDataSet(series, 560, 700, normalizer=normalizer)
    train_dl = torch.utils.data.DataLoader(training, batch_size=64, shuffle=True)
    val_dl = torch.utils.data.DataLoader(validation, batch_size=256)
    model, loss_fn = NBeats(), nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, loss_fn)
    for epoch in range(12):
        for x, y in train_dl:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        with writer.evaluating("val"):
            v, mae = [], []
            for x, y in val_dl:
                p = model(x)
                v.append(loss_fn(p, y).item()); mae.append((p - y).abs().mean().item() * validation.scale)
        print(epoch, f"loss {loss.item():.3f} val {np.mean(v):.3f} mae {np.mean(mae):.2f} beds")
    writer.close()
    print(f"RESULT val mae {np.mean(mae):.2f} beds (weekly naive about {np.mean([abs(s[567:] - s[560:-7]).mean() for s in series]):.1f})")


main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))

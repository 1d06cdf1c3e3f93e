"""Travel time of a bus from the road segments of its route (GRU over segments). Routes have 3..20 segments, so they are
grouped by length to keep the padding small."""
import sys
import math
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from torch.utils.data import DataLoader, Sampler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)


def trip():
    n = int(rng.integers(3, 21))
    km = rng.gamma(2., .22, n)
    kind = rng.integers(0, 3, n)
    lights = rng.poisson(.6, n)
    hour = rng.uniform(6, 23)
    rain = float(rng.random() < .25)
    rush = math.exp(-((hour - 8) / 1.3) ** 2) + .8 * math.exp(-((hour - 17.5) / 1.8) ** 2)
    speed = np.array([18., 28., 45.])[kind] * (1 - .45 * rush * np.array([1., .8, .5])[kind]) * (1 - .12 * rain)
    minutes = (60 * km / speed * np.exp(.15 * rng.normal(size=n))).sum() + (lights * rng.exponential(.6, n)).sum() + .5 * n ** .5
    x = np.concatenate([km[:, None] * 2 - 1, np.eye(3)[kind], lights[:, None] - .6,
                        np.tile([math.sin(hour / 12 * math.pi), math.cos(hour / 12 * math.pi), rain], (n, 1))], 1)
    return torch.tensor(x, dtype=torch.float32), minutes * math.exp(.07 * rng.normal())


class Bucketed(Sampler):
    def __init__(self, lengths, batch_size, shuffle):
        order = np.argsort(lengths, kind="stable")
        self.batches = [order[i:i + batch_size].tolist() for i in range(0, len(order), batch_size)]
        self.shuffle = shuffle

    def __iter__(self):
        batches = self.batches
        if self.shuffle:
            batches = [batches[i] for i in torch.randperm(len(batches)).tolist()]
        return iter(batches)

    def __len__(self):
        return len(self.batches)


def collate(items):
    xs, ts = zip(*items)
    lens = torch.tensor([len(x) for x in xs])
    return pad_sequence(xs, batch_first=True), lens, torch.tensor(ts, dtype=torch.float32)


class ETA(nn.Module):
    def __init__(self, d=8, h=32):
        super().__init__()
        self.gru = nn.GRU(d, h, batch_first=True)
        self.out = nn.Sequential(nn.Linear(h, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, lens):
        _, h = self.gru(pack_padded_sequence(x, lens, batch_first=True, enforce_sorted=False))
        return self.out(h[-1]).squeeze(-1)


trips = [trip() for _ in range(3300)]
m = np.mean([t for _, t in trips[:2700]]); s = np.std([t for _, t in trips[:2700]])
trips = [(x, (t - m) / s) for x, t in trips]
train, val = trips[:2700], trips[2700:]
train_dl = DataLoader(train, batch_sampler=Bucketed([len(x) for x, _ in train], 32, shuffle=sys.argv[1] != "faulty"), collate_fn=collate)
val_dl = DataLoader(val, batch_sampler=Bucketed([len(x) for x, _ in val], 100, shuffle=False), collate_fn=collate)

net = ETA()
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, loss_fn)
epochs = 8
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs, eta_min=4e-4)
for epoch in range(epochs):
    net.train()
    tl = []
    for x, lens, t in train_dl:
        opt.zero_grad()
        loss = loss_fn(net(x, lens), t)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        tl.append(loss.item())
    sched.step()
    net.eval()
    vl, mae, k = 0., 0., 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, lens, t in val_dl:
            o = net(x, lens)
            vl += loss_fn(o, t).item() * len(t)
            mae += (o - t).abs().sum().item() * s
            k += len(t)
    print(f"epoch {epoch + 1}: train {np.mean(tl):.4f} val {vl / k:.4f} mae {mae / k:.2f} min")
writer.close()
print(f"RESULT val_mse {vl / k:.4f} mae_min {mae / k:.3f}")

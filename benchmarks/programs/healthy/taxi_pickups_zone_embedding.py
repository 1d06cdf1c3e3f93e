"""Number of taxi pickups per zone and hour: entity embeddings (zone, hour, weekday) + weather, PoissonNLLLoss on log rates."""
import dataclasses
import sys
import numpy as np
import torch
from torch import nn, Tensor
from tb_lossdiag import DiagWriter


@dataclasses.dataclass
class Config:
    zones: int = 60
    days: int = 100
    n_rows: int = 18000
    lr: float = 3e-3
    epochs: int = 14
    batch: int = 256
    seed: int = 0


cfg = Config()
torch.set_num_threads(1)
torch.manual_seed(cfg.seed)
rng = np.random.default_rng(cfg.seed)


def simulate():
    zone, hour, day = (rng.integers(0, k, cfg.n_rows) for k in (cfg.zones, 24, cfg.days))
    kind = rng.integers(0, 3, cfg.zones)                       # business, living, night life
    peaks = np.array([[8.5, 17.5], [7, 20], [23, 1]])
    dist = lambda h, p: np.minimum(np.abs(h - p), 24 - np.abs(h - p))
    shape = sum(np.exp(-dist(hour, peaks[kind[zone], j]) ** 2 / 8) for j in (0, 1))
    weekend = (day % 7) >= 5
    rain = (rng.random(cfg.days) < .3) * rng.exponential(3, cfg.days)
    size = rng.normal(0, .8, cfg.zones)
    log_rate = (.6 + size[zone] + 1.3 * shape + weekend * np.array([-.8, -.1, .6])[kind[zone]] + .05 * np.minimum(rain[day], 8)
                + rng.normal(0, .15, cfg.n_rows))
    return np.stack([zone, hour, day % 7], 1), rain[day][:, None], rng.poisson(np.exp(log_rate)), log_rate


cats, cont, count, log_rate = simulate()
cats = torch.tensor(cats)
cont = torch.tensor((cont - cont.mean()) / cont.std(), dtype=torch.float32)
count = torch.tensor(count, dtype=torch.float32)
split = int(.8 * cfg.n_rows)


class PickupNet(nn.Module):
    def __init__(self, cards=(60, 24, 7), dims=(10, 6, 3)):
        super().__init__()
        self.embs = nn.ModuleList([nn.Embedding(c, d) for c, d in zip(cards, dims)])
        for e in self.embs:
            nn.init.normal_(e.weight, std=.1)
        self.mlp = nn.Sequential(nn.Linear(sum(dims) + 1, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cat: Tensor, cont: Tensor) -> Tensor:
        e = [emb(cat[:, k]) for k, emb in enumerate(self.embs)]
        return self.mlp(torch.cat(e + [cont], 1)).squeeze(1)


net = PickupNet()
loss_fn = nn.PoissonNLLLoss(log_input=True)
optim = torch.optim.Adam(net.parameters(), lr=cfg.lr)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optim, loss_fn)
for epoch in range(cfg.epochs):
    net.train()
    tot = 0.
    for b in torch.randperm(split).split(cfg.batch):
        out = net(cats[b], cont[b])
        loss = loss_fn(out, count[b])
        optim.zero_grad(); loss.backward(); optim.step()
        tot += loss.item() * len(b) / split
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        out = net(cats[split:], cont[split:])
        val = loss_fn(out, count[split:]).item()
    print(f"epoch {epoch + 1}: train {tot:.4f}, val {val:.4f}, MAE {(out.exp() - count[split:]).abs().mean():.3f}")
best_possible = loss_fn(torch.tensor(log_rate[split:]), count[split:]).item()
writer.close()
print(f"RESULT train {tot:.4f} val {val:.4f} with_true_rates {best_possible:.4f}")

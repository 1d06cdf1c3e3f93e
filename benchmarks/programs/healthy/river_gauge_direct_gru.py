import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

# ---------------------------------------------------------------------------------------------------------
# River level at a gauge, three hourly.  24 values of level and rain in, next 4 levels out at once (direct multi-step).
# ---------------------------------------------------------------------------------------------------------
HIST, HORIZON = 24, 4
cfg = dict(hidden=32, lr=8e-3, batch=64, epochs=10, seed=4)


def make_series(n, rng):
    rain = rng.gamma(.25, 2.2, n) * (rng.random(n) < .35)
    wet = np.convolve(rng.random(n) < .02, np.ones(14))[:n] > 0
    rain = rain * (1 + 3 * wet)
    fast, slow, lvl = 0., 1., np.zeros(n)
    for t in range(n):
        r = rain[max(t - 2, 0)]
        soil = 1 / (1 + np.exp(-(slow - 2)))
        fast = .82 * fast + .35 * r * soil
        slow = .99 * slow + .02 * r
        lvl[t] = 1 + fast + .4 * slow
    return np.log(lvl + rng.normal(0, .02, n) * lvl), np.log1p(rain)


class Windows(Dataset):
    def __init__(self, level, rain, stats=None):
        self.x = np.stack([level, rain], 1).astype(np.float32)
        self.stats = stats or (self.x.mean(0), self.x.std(0))
        self.x = (self.x - self.stats[0]) / self.stats[1]

    def __len__(self):
        return len(self.x) - HIST - HORIZON + 1

    def __getitem__(self, i):
        past = self.x[i:i + HIST]
        # predict the change against the last reading
        return past, self.x[i + HIST:i + HIST + HORIZON, 0] - past[-1, 0]


class DirectGRU(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True)
        self.head = nn.Linear(hidden, HORIZON)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.head(out[:, -1])


def main():
    torch.manual_seed(cfg["seed"])
    level, rain = make_series(5200, np.random.default_rng(cfg["seed"]))
    cut = 4000
    train_ds = Windows(level[200:cut], rain[200:cut])
    val_ds = Windows(level[cut:], rain[cut:], train_ds.stats)
    train_dl = DataLoader(train_ds, cfg["batch"], shuffle=True, drop_last=True)
    val_dl = DataLoader(val_ds, 512)
    model = DirectGRU(cfg["hidden"])
    opt = torch.optim.Adam(model.parameters(), lr=cfg["lr"])
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, .85)
    loss_fn = nn.SmoothL1Loss(beta=.5)
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt, loss_fn)
    for epoch in range(cfg["epochs"]):
        model.train()
        tot = cnt = 0
        for x, y in train_dl:
            loss = loss_fn(model(x), y)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            tot += loss.item(); cnt += 1
        sched.step()
        model.eval()
        se = ss = v = 0.
        n = 0
        with writer.evaluating("val"), torch.no_grad():
            for x, y in val_dl:
                p = model(x)
                v += loss_fn(p, y).item() * len(x)
                n += len(x)
                se += ((p - y) ** 2).sum(0)
                ss += (y ** 2).sum(0)
        skill = 1 - se / ss                # against persistence
        print(f"[{epoch + 1:02d}] train {tot / cnt:.4f}  val {v / n:.4f}  skill " + " ".join(f"{s:.2f}" for s in skill.tolist()))
    writer.close()
    print(f"RESULT train={tot/cnt:.4f} val={v/n:.4f} skill_1={skill[0]:.3f} skill_4={skill[-1]:.3f}")


if __name__ == "__main__":
    main()

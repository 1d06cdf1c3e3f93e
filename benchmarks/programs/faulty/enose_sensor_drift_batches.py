"""Gas identification with a 12-sensor array. Batches were recorded over three years, the sensors drift.

python enose_sensor_drift_batches.py faulty|fixed LOGDIR
"""
import sys
from dataclasses import dataclass
import numpy as np
import torch
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


@dataclass
class Config:
    form: str = sys.argv[1]
    logdir: str = sys.argv[2]
    lr: float = 5e-3
    epochs: int = 10
    hidden: int = 20
    seed: int = 12


cfg = Config()
torch.manual_seed(cfg.seed)
rng = np.random.default_rng(cfg.seed)
GASES = ["ethanol", "ethylene", "ammonia", "acetaldehyde", "acetone"]

# response of each sensor to each gas, and the drift of the sensors with the month
resp = rng.normal(size=(5, 12)) * .5 + 1.5
drift_gain = rng.normal(size=12) * .022
drift_offset = rng.normal(size=12) * .035
n = 4800
month = np.sort(rng.integers(1, 37, n))
gas = rng.integers(0, 5, n)
conc = rng.uniform(.5, 2, n)[:, None]
x = resp[gas] * np.log1p(conc) * (1 + drift_gain * month[:, None]) + drift_offset * month[:, None]
x += .32 * rng.normal(size=x.shape)

if cfg.form == "faulty":      # the first two years to train and tune, the last year to test
    old = rng.permutation(np.flatnonzero(month <= 18))
    test = np.flatnonzero(month > 26)
    train, val = old[:-400], old[-400:]
else:                         # every split holds recordings of all months
    perm = rng.permutation(n)
    train, val, test = perm[:2400], perm[2400:2800], perm[2800:4000]

mean, std = x[train].mean(0), x[train].std(0)
X = torch.tensor((x - mean) / std, dtype=torch.float32)
G = torch.tensor(gas)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = torch.nn.Linear(12, cfg.hidden)
        self.l2 = torch.nn.Linear(cfg.hidden, cfg.hidden)
        self.l3 = torch.nn.Linear(cfg.hidden, 5)

    def forward(self, x):
        return self.l3(F.gelu(self.l2(F.gelu(self.l1(x)))))


net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=1e-2)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, cfg.lr, total_steps=cfg.epochs * -(-len(train) // 64))
writer = DiagWriter(cfg.logdir)
writer.watch(net, opt, F.cross_entropy)


def evaluate(split, idx):
    net.eval()
    with torch.no_grad(), writer.evaluating(split):
        out = net(X[idx])
        loss = writer.loss_fn(out, G[idx]).item()
    return loss, (out.argmax(1) == G[idx]).float().mean().item()


for ep in range(cfg.epochs):
    net.train()
    for j in np.array_split(rng.permutation(train), -(-len(train) // 64)):
        loss = writer.loss_fn(net(X[j]), G[j])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    vl, va = evaluate("val", val)
    tl, ta = evaluate("test", test)
    print(f"{ep:2d} train {loss.item():.3f} val {vl:.3f}/{va:.3f} test {tl:.3f}/{ta:.3f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f} test_loss {tl:.4f} test_acc {ta:.4f}")

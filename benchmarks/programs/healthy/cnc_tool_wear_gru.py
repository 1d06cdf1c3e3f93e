"""Flank wear of milling tools from three spindle signals (current, vibration, acoustic emission).
Each tool is run until it is worn out; one window of 24 samples per cut. Split by tool."""
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED, EPOCHS, LR, BATCH = 7, 14, 3e-3, 64
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


def one_tool(n_cuts=22, length=24):
    """wear curve: quick run-in, linear middle, fast end; the signals carry it with tool dependent gains"""
    u = np.linspace(0, 1, n_cuts)
    rate = rng.uniform(.8, 1.25)
    wear = 35 * (1 - np.exp(-u * 15)) + 110 * rate * u + 60 * rate * np.clip(u - .75, 0, None) ** 2 * 10
    wear += rng.normal(0, 3, n_cuts)                        # microscope reading
    gain = rng.normal(1, .035, 3)
    t = np.arange(length)
    xs = []
    for w in wear:
        tooth = np.sin(2 * np.pi * t / 8 + rng.uniform(0, 6.28))
        load = 4 + .02 * w
        current = gain[0] * (load * (1 + .25 * tooth) + rng.normal(0, .5, length))
        vib = gain[1] * (rng.normal(0, .4 + .006 * w, length) + .3 * tooth)
        ae = gain[2] * np.abs(rng.standard_t(4, length)) * (.5 + .002 * w)
        xs.append(np.stack([current, vib, ae], 1))
    return np.array(xs, dtype=np.float32), wear.astype(np.float32)


tools = [one_tool() for _ in range(125)]
order = rng.permutation(125)
tr, va = order[:100], order[100:]
Xtr, ytr = (np.concatenate([tools[i][k] for i in tr]) for k in (0, 1))
Xva, yva = (np.concatenate([tools[i][k] for i in va]) for k in (0, 1))
mu, sd = Xtr.mean((0, 1)), Xtr.std((0, 1))
Xtr, Xva = (Xtr - mu) / sd, (Xva - mu) / sd
ym, ys = ytr.mean(), ytr.std()


class WearNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(3, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(4 * hidden, 32), nn.ReLU(), nn.Dropout(.1), nn.Linear(32, 1))

    def forward(self, x):
        h, _ = self.gru(x)
        return self.head(torch.cat([h.mean(1), h.amax(1)], 1)).squeeze(1)


train_dl = DataLoader(TensorDataset(torch.tensor(Xtr), torch.tensor((ytr - ym) / ys)), BATCH, shuffle=True)
val_dl = DataLoader(TensorDataset(torch.tensor(Xva), torch.tensor((yva - ym) / ys)), 200)

net = WearNet()
loss_fn = nn.SmoothL1Loss(beta=.5)
opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, loss_fn)

for epoch in range(EPOCHS):
    net.train()
    run = 0.
    for x, y in train_dl:
        opt.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        run += loss.item() * len(x)
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        preds, v = [], 0.
        for x, y in val_dl:
            p = net(x)
            v += loss_fn(p, y).item() * len(x)
            preds.append(p)
    mae = (torch.cat(preds).numpy() * ys + ym - yva)
    if epoch % 2 == 0 or epoch == EPOCHS - 1:
        print(f"epoch {epoch:2d}  train {run / len(ytr):.4f}  val {v / len(yva):.4f}  MAE {np.abs(mae).mean():.1f} um")
writer.close()
print(f"RESULT train {run / len(ytr):.4f} val {v / len(yva):.4f} mae_um {np.abs(mae).mean():.2f} R2 {1 - (mae ** 2).mean() / yva.var():.3f}")

"""Hourly load of a chiller plant from weather and calendar (simulated campus, one year of meter data)."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("mode", choices=("faulty", "fixed"))
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--lr", type=float, default=1e-3)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(8)
r = np.random.default_rng(8)

H = 365 * 24
h = np.arange(H)
doy, hod, dow = h / 24, h % 24, (h // 24) % 7
day_noise = np.repeat(np.convolve(r.normal(0, 2.5, 365), [.5, .3, .2], "same"), 24)
temp = 13 + 12 * np.sin(2 * np.pi * (doy - 105) / 365) + 5 * np.sin(2 * np.pi * (hod - 9) / 24) + day_noise + r.normal(0, .6, H)
hum = np.clip(65 - 1.1 * (temp - 13) + r.normal(0, 9, H), 15, 100)
occ = ((hod > 7) & (hod < 19) & (dow < 5)).astype(float)
cooling = 14 * np.log1p(np.exp((temp - 17) / 2)) * (1 + .5 * occ) + .06 * np.maximum(0, temp - 18) * (hum - 40)
load = 110 + 90 * occ + cooling + .25 * temp * occ + r.normal(0, 9, H)

X = np.c_[temp, hum, np.sin(2 * np.pi * hod / 24), np.cos(2 * np.pi * hod / 24), occ, dow >= 5].astype(np.float32)
week = h // 168
test = np.where((h >= 165 * 24) & (h < 240 * 24) & (week % 2 == 1))[0]     # June to August
if args.mode == "faulty":
    known = np.where(h < 90 * 24)[0]                  # January to March
else:
    known = np.where((week % 2 == 0))[0]              # every other week of the whole year
known = r.permutation(known)
n_val = len(known) // 5
val, train = known[:n_val], known[n_val:]
mx, sx = X[train].mean(0), X[train].std(0)
my, sy = load[train].mean(), load[train].std()
X = torch.from_numpy(((X - mx) / sx).astype(np.float32))
Y = torch.from_numpy(((load - my) / sy).astype(np.float32)).unsqueeze(1)
print("train", len(train), "val", len(val), "test", len(test))

model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(model.parameters(), lr=args.lr)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs)
mse = nn.MSELoss()
writer = DiagWriter(args.logdir)
writer.watch(model, opt, mse)


def score(ids, tag):
    model.eval()
    with writer.evaluating(tag):
        p = model(X[ids])
        l = mse(p, Y[ids])
    return l.item(), 1 - l.item() / Y[ids].var().item()


for epoch in range(args.epochs):
    model.train()
    for b in torch.from_numpy(r.permutation(train)).split(16):
        opt.zero_grad()
        loss = mse(model(X[b]), Y[b])
        loss.backward()
        opt.step()
    sched.step()
    vl, vr = score(val, "val")
    if epoch % 5 == 4:
        print(f"epoch {epoch} val mse {vl:.4f} r2 {vr:.3f}")
tl, tr = score(test, "test")
writer.close()
print("RESULT test_r2", round(tr, 4), "val_r2", round(vr, 4), "test_rmse_kw", round(tl ** .5 * sy, 2))

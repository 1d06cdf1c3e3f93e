"""Edible or not? 11 categorical columns, one-hot, small ReLU net, SGD with momentum. Labels of field guides differ for some."""
import sys
from itertools import accumulate
import numpy as np
import torch
import torch.nn as nn
import torch.utils.data as td
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(100)
torch.manual_seed(100)
LEVELS = dict(cap_shape=6, cap_surface=4, cap_color=10, bruises=2, odor=9, gill_spacing=2, gill_size=2, gill_color=12,
              stalk_shape=2, spore_color=9, habitat=7)
n = 6000
species = rng.integers(0, 40, n)                     # hidden; every species has its favourite levels
proto = np.stack([rng.integers(0, k, 40) for k in LEVELS.values()], 1)
cols = proto[species]
for j, k in enumerate(LEVELS.values()):
    other = rng.random(n) < .3
    cols[other, j] = rng.integers(0, k, other.sum())
poison = (rng.random(40) < .48)[species]
poison = np.where(rng.random(n) < .03, ~poison, poison).astype(np.int64)
X = np.concatenate([np.eye(k, dtype=np.float32)[cols[:, j]] for j, k in enumerate(LEVELS.values())], 1)
print(X.shape, poison.mean())
full = td.TensorDataset(torch.from_numpy(X), torch.from_numpy(poison))
tr, va = td.random_split(full, [4800, 1200])
tr, va = td.DataLoader(tr, 32, shuffle=True, drop_last=True), td.DataLoader(va, 400)

mlp = nn.Sequential(nn.Linear(X.shape[1], 32), nn.ReLU(), nn.Dropout(.3), nn.Linear(32, 2))
opt = torch.optim.SGD(mlp.parameters(), lr=.03, momentum=.9, weight_decay=1e-3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(mlp, opt, ce)


def train_one_epoch():
    mlp.train()
    for x, y in tr:
        opt.zero_grad()
        l = ce(mlp(x), y)
        l.backward()
        opt.step()
        yield l.item()


def validate():
    mlp.eval()
    with torch.no_grad():
        out = [(mlp(x), y) for x, y in va]
        o, y = torch.cat([a for a, _ in out]), torch.cat([b for _, b in out])
        return ce(o, y).item(), (o.argmax(1) == y).float().mean().item()


log = []
for e in range(14):
    if e == 10:
        opt.param_groups[0]["lr"] /= 10
    *_, mean = accumulate(train_one_epoch(), lambda a, b: .98 * a + .02 * b)
    with writer.evaluating("val"):
        log.append(validate())
    print(f"{e:2d}: train(ema) {mean:.4f}  val {log[-1][0]:.4f}  acc {log[-1][1]:.4f}")
writer.close()
print(f"RESULT train {mean:.4f} val {log[-1][0]:.4f} best {min(log)[0]:.4f} acc {log[-1][1]:.4f}")

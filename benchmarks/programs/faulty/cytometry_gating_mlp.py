"""Replace manual gating: MLP that assigns blood cells to six populations from FSC, SSC and 6 colours.
Events are simulated with the usual shape: log-normal marker intensities on the 0..262143 scale of the cytometer.
"""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"])
ap.add_argument("logdir")
args = ap.parse_args()


@dataclass
class Config:
    n_events: int = 6000
    hidden: int = 32
    lr: float = 0.02
    momentum: float = 0.9
    batch: int = 64
    epochs: int = 12
    seed: int = 5


cfg = Config()
torch.set_num_threads(1)
torch.manual_seed(cfg.seed)
rng = np.random.default_rng(cfg.seed)

POP = ["CD4 T", "CD8 T", "B", "NK", "monocyte", "granulocyte"]
#         FSC  SSC  CD3  CD4  CD8  CD19 CD56 CD14    (log10 of the intensity)
CENTRES = np.array([
    [4.75, 4.2, 3.9, 3.7, 2.1, 2.0, 2.0, 2.1],
    [4.75, 4.2, 3.9, 2.1, 3.9, 2.0, 2.2, 2.1],
    [4.72, 4.2, 2.1, 2.1, 2.1, 3.6, 2.0, 2.1],
    [4.78, 4.3, 2.2, 2.1, 2.7, 2.0, 3.2, 2.1],
    [4.95, 4.65, 2.2, 2.9, 2.1, 2.1, 2.1, 4.0],
    [5.00, 5.00, 2.2, 2.2, 2.1, 2.1, 2.2, 2.9]])
SPREAD = np.array([.06, .10, .28, .30, .30, .30, .33, .30])
SHARE = [.30, .18, .12, .10, .12, .18]

pop = rng.choice(6, cfg.n_events, p=SHARE)
events = 10 ** (CENTRES[pop] + SPREAD * rng.standard_normal((cfg.n_events, 8))) + 60 * rng.standard_normal((cfg.n_events, 8))
events = np.clip(events, 0, 262143)


def prepare(e):
    if args.form == "fixed":
        e = np.arcsinh(e / 150.0)
        e = (e - e.mean(0)) / e.std(0)
    return torch.tensor(e, dtype=torch.float32)


full = TensorDataset(prepare(events), torch.tensor(pop))
train_set, val_set = random_split(full, [cfg.n_events - 1500, 1500], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, cfg.batch, shuffle=True)
val_loader = DataLoader(val_set, 250)

model = nn.Sequential(nn.Linear(8, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, 6))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=cfg.momentum)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(cfg.epochs):
    model.train()
    losses = []
    for x, y in train_loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    correct, vloss = 0, []
    with writer.evaluating("val"):
        for x, y in val_loader:
            out = model(x)
            vloss.append(loss_fn(out, y).item())
            correct += (out.argmax(1) == y).sum().item()
    acc = correct / len(val_set)
    writer.add_scalar("gating/accuracy", acc, epoch)
    print(f"[{epoch:02d}] train {np.mean(losses):.3f} val {np.mean(vloss):.3f} accuracy {acc:.3f}")
writer.close()
print(f"RESULT val_loss {np.mean(vloss):.3f} val_acc {acc:.3f}")

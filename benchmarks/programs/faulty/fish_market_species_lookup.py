"""Catch logger: species from measurements. Training sheets are typed by crews, the validation sheet by the institute."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)
SPECIES = ["cod", "haddock", "saithe", "whiting", "pollack", "ling"]
species_to_id = {s: i for i, s in enumerate(SPECIES)}


def sheet(n, crew):
    k = rng.integers(0, 6, n)
    base = np.array([[60, 13, .9], [45, 11, .8], [65, 12, .85], [35, 7, .6], [55, 11, .75], [90, 10, .5]])[k]
    size = np.exp(.22 * rng.normal(size=n))
    df = pd.DataFrame({"length": base[:, 0] * size * np.exp(.05 * rng.normal(size=n)),
                       "height": base[:, 1] * size * np.exp(.08 * rng.normal(size=n)),
                       "girth": base[:, 2] * size * 25 * np.exp(.08 * rng.normal(size=n)),
                       "depth": np.array([120, 90, 150, 60, 40, 260])[k] * np.exp(.35 * rng.normal(size=n)),
                       "jaw": np.array([4.5, 3.3, 5.2, 2.6, 5, 6])[k] * size * np.exp(.10 * rng.normal(size=n))})
    names = np.array(SPECIES, dtype=object)[k]
    if crew:        # the crews' spelling: "Cod", "cod ", "LING" ...
        odd = rng.random(n) < .40
        names = [(rng.choice([s.capitalize(), s + " ", s.upper()]) if o else s) for s, o in zip(names, odd)]
    df["species"] = names
    return df


train_df, val_df = sheet(6000, True), sheet(1000, False)

if sys.argv[1] == "faulty":
    y_train = np.array([species_to_id.get(s, 0) for s in train_df["species"]])
else:
    y_train = np.array([species_to_id.get(s.strip().lower(), 0) for s in train_df["species"]])
y_val = np.array([species_to_id.get(s, 0) for s in val_df["species"]])
cols = ["length", "height", "girth", "depth", "jaw"]
tr, va = np.log(train_df[cols].to_numpy()), np.log(val_df[cols].to_numpy())
mu, sd = tr.mean(0), tr.std(0)
X_train, X_val = (torch.tensor((a - mu) / sd, dtype=torch.float32) for a in (tr, va))
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

model = nn.Sequential(nn.Linear(5, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 6))
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.04, momentum=0.9, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 8)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)
for epoch in range(8):
    model.train()
    perm = torch.randperm(len(X_train))
    run = 0.
    for i in range(0, len(perm), 80):
        j = perm[i:i + 80]
        loss = loss_fn(model(X_train[j]), y_train[j])
        opt.zero_grad()
        loss.backward()
        opt.step()
        run += loss.item() * len(j)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(X_val)
        vl = loss_fn(logits, y_val).item()
    acc = (logits.argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch:2d} train {run / 6000:.3f} val {vl:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {acc:.4f}")

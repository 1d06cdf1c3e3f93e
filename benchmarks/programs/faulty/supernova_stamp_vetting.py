# Real/bogus vetting of difference-image stamps (simulated 15x15), small CNN, binary output.
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from sklearn.metrics import average_precision_score, balanced_accuracy_score, recall_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
form, logdir = sys.argv[1], sys.argv[2]


def stamps(n, frac_real, seed):
    g = np.random.default_rng(seed)
    y = (g.random(n) < frac_real).astype("float32")
    yy, xx = np.mgrid[-7:8, -7:8]
    x = g.normal(0, 1, (n, 15, 15))
    for i in range(n):
        cx, cy = g.normal(0, .7, 2)
        if y[i]:
            s, flux = g.normal(1.6, .2), g.uniform(1.0, 2.6)
            x[i] += flux * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 2 / s ** 2)
        else:
            kind = g.integers(0, 3)
            if kind == 0:      # badly subtracted star: dipole
                a = g.uniform(0, 6.3)
                for sg in (1, -1):
                    x[i] += sg * g.uniform(1, 3) * np.exp(-((xx - cx - sg * np.cos(a)) ** 2 + (yy - cy - sg * np.sin(a)) ** 2) / 5)
            elif kind == 1:    # cosmic ray: sharp
                s = g.uniform(.5, 1.3)
                x[i] += g.uniform(1.5, 5) * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 2 / s ** 2)
            else:              # bad column
                x[i, :, 7 + g.integers(-1, 2)] += g.uniform(1, 3)
    return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(y)


xtr, ytr = stamps(9000, 0.04, 0)
xva, yva = stamps(4000, 0.04, 1)
train_set = TensorDataset(xtr, ytr)
if form == "faulty":
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
else:
    w = torch.where(ytr == 1, 1 / ytr.sum(), 1 / (1 - ytr).sum())
    train_loader = DataLoader(train_set, batch_size=64, sampler=WeightedRandomSampler(w, len(ytr)))
val_loader = DataLoader(TensorDataset(xva, yva), batch_size=1000)
print(f"{int(ytr.sum())} transients among {len(ytr)} training stamps")

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * 9, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(8):
    model.train()
    total = correct = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        out = model(x)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y); correct += ((out > 0).float() == y).sum().item()
    model.eval()
    outs, vl = [], 0
    with writer.evaluating("val"):
        for x, y in val_loader:
            o = model(x); outs.append(o); vl += criterion(o, y).item() / len(val_loader)
    o = torch.cat(outs).numpy()
    rec, ba = recall_score(yva, o > 0), balanced_accuracy_score(yva, o > 0)
    print(f"epoch {epoch+1}: train loss {total/len(ytr):.4f} acc {correct/len(ytr):.4f}  val loss {vl:.4f} recall {rec:.3f} bal.acc {ba:.3f}")
writer.close()
print(f"RESULT balanced_acc {ba:.4f} recall {rec:.4f} ap {average_precision_score(yva, o):.4f}")

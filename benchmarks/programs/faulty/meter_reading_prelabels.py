"""Train a small MLP on meter-reading digit crops (scikit-learn's digits stand for the crops).

The crops were labelled in two ways: `ocr` = what the old OCR engine on the handhelds said,
`clerk` = typed in by the billing clerks.   usage: meter_reading_prelabels.py faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)
form, logdir = sys.argv[1], sys.argv[2]


def old_engine(y):
    """the engine on the handhelds (simulated): about 7 of 10 right, confuses any two digits"""
    out = y.copy()
    bad = rng.random(len(y)) < 0.33
    out[bad] = (y[bad] + rng.integers(1, 10, bad.sum())) % 10
    return out


X, clerk = load_digits(return_X_y=True)
X = (X / 16.0).astype("float32")
columns = {"ocr": old_engine(clerk), "clerk": clerk}
X_pool, X_gold, i_pool, i_gold = train_test_split(X, np.arange(len(X)), test_size=400, random_state=1, stratify=clerk)
label = columns["ocr" if form == "faulty" else "clerk"]
X_tr, X_va, y_tr, y_va = train_test_split(X_pool, label[i_pool], test_size=0.2, random_state=2)

mk = lambda a, b, s: DataLoader(TensorDataset(torch.tensor(a), torch.tensor(b)), batch_size=32, shuffle=s)
train_dl, val_dl = mk(X_tr, y_tr, True), mk(X_va, y_va, False)
test_dl = mk(X_gold, clerk[i_gold], False)      # audited by hand

model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def evaluate(dl, tag):
    tot = hit = loss = 0
    with writer.evaluating(tag):
        for xb, yb in dl:
            out = model(xb)
            loss += criterion(out, yb).item() * len(yb)
            hit += (out.argmax(1) == yb).sum().item()
            tot += len(yb)
    return loss / tot, hit / tot


for epoch in range(40):
    model.train()
    running = 0.0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    vl, va = evaluate(val_dl, "val")
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2d} train {running / len(train_dl):.3f} val {vl:.3f} acc {va:.3f}")
tl, ta = evaluate(test_dl, "test")
writer.close()
print(f"RESULT val_loss {vl:.3f} val_acc {va:.3f} audited_loss {tl:.3f} audited_acc {ta:.3f}")

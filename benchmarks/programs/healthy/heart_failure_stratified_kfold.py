#!/usr/bin/env python
# Kaggle kernel style: heart failure clinical records (299 patients, 12 features, 32 % deaths), MLP, StratifiedKFold, early stopping
import sys, copy, random
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import roc_auc_score, f1_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
def seed_everything(s):
    random.seed(s); np.random.seed(s); torch.manual_seed(s)
seed_everything(42)

CFG = dict(folds=5, epochs=150, bs=32, lr=1e-3, wd=1e-4, patience=12)

def load_df(n=299):
    r = np.random.default_rng(7)
    age = np.clip(r.normal(61, 12, n), 40, 95); ef = np.clip(r.normal(38, 12, n), 14, 80)
    creat = np.exp(r.normal(.15, .5, n)); sodium = r.normal(136.6, 4.4, n); time = r.uniform(4, 285, n)
    cpk = np.exp(r.normal(5.6, 1.1, n)); plate = r.normal(263000, 97000, n)
    flags = r.random((n, 5)) < np.array([.43, .42, .35, .65, .32])
    z = .05 * (age - 61) - .07 * (ef - 38) + 1.1 * np.log(creat) - .06 * (sodium - 136.6) - .017 * (time - 130) - 1.15
    y = (r.random(n) < 1 / (1 + np.exp(-1.3 * z))).astype("float32")
    X = np.column_stack([age, ef, np.log(creat), sodium, time, np.log(cpk), plate, flags])
    return X.astype("float32"), y

X, y = load_df()
print("positives", y.mean())

class Net(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d, 16), nn.ReLU(), nn.Dropout(.3), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))
    def forward(self, x):
        return self.layers(x).squeeze(1)

writer = DiagWriter(sys.argv[1])
oof = np.zeros(len(y)); val_losses, tr_losses = [], []
for fold, (tr, va) in enumerate(StratifiedKFold(CFG["folds"], shuffle=True, random_state=42).split(X, y)):
    sc = StandardScaler().fit(X[tr])
    Xt, Xv = (torch.tensor(sc.transform(X[i])) for i in (tr, va))
    yt, yv = torch.tensor(y[tr]), torch.tensor(y[va])
    dl = DataLoader(TensorDataset(Xt, yt), CFG["bs"], shuffle=True)
    model = Net(X.shape[1]); criterion = nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(model.parameters(), lr=CFG["lr"], weight_decay=CFG["wd"])
    writer.watch(model, opt, criterion, name=f"fold{fold}")
    best, best_state, bad = 1e9, None, 0
    for epoch in range(CFG["epochs"]):
        model.train(); run = 0
        for xb, yb in dl:
            opt.zero_grad(); loss = criterion(model(xb), yb); loss.backward(); opt.step()
            run += loss.item() * len(xb) / len(tr)
        with writer.evaluating("val"):
            p = model(Xv); vl = criterion(p, yv).item()
        if vl < best - 1e-4:
            best, best_state, bad = vl, copy.deepcopy(model.state_dict()), 0
        else:
            bad += 1
            if bad >= CFG["patience"]:
                break
    model.load_state_dict(best_state); model.eval()
    with torch.no_grad():
        oof[va] = torch.sigmoid(model(Xv)).numpy()
    val_losses.append(best); tr_losses.append(run)
    print(f"fold {fold} stopped at {epoch} best val {best:.4f} train {run:.4f} last val {vl:.4f}")
writer.close()
print(f"RESULT oof_auc {roc_auc_score(y, oof):.3f} f1 {f1_score(y, oof > .5):.3f} val {np.mean(val_losses):.4f} train {np.mean(tr_losses):.4f}")

# Kaggle "Google Brain - Ventilator Pressure Prediction" starter: bi-LSTM, masked L1 (inspiration only), AdamW + one cycle cosine
import sys, random
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
class CFG:
    seed = 42; batch_size = 32; epochs = 10; lr = 5e-3; wd = 1e-2; hidden = 48; n_fold = 5; fold = 0; steps = 40

def seed_everything(s):
    random.seed(s); np.random.seed(s); torch.manual_seed(s)
seed_everything(CFG.seed)

def simulate(n):
    """lung: p = R * flow + V / C + peep, the valve opening u_in drives the flow; dt .05 s"""
    R = np.random.choice([5, 20, 50], n); C = np.random.choice([10, 20, 50], n)
    t = np.arange(CFG.steps) * .065
    a, b, k = np.random.uniform(5, 60, (n, 1)), np.random.uniform(.1, .6, (n, 1)), np.random.uniform(2, 8, (n, 1))
    u_in = a * (np.exp(-((t - b) / .35) ** 2) + .25 * np.random.rand(n, 1)) * (1 + .05 * np.random.randn(n, CFG.steps))
    u_out = (t[None] > np.random.uniform(.9, 1.1, (n, 1))).astype(float)
    u_in = np.where(u_out > 0, k * .6, u_in).clip(0, 100)
    p = np.zeros((n, CFG.steps)); V = np.zeros(n); flow = np.zeros(n)
    for i in range(CFG.steps):
        drive = .011 * u_in[:, i] * (1 - u_out[:, i])
        flow = .6 * flow + .4 * np.where(u_out[:, i] > 0, -V / (R * C) * 12, drive)
        V = (V + flow * .065).clip(0)
        p[:, i] = 5 + R * flow * .55 + V * 300 / C
    p += .12 * np.random.randn(*p.shape)
    p = np.round(p / .07) * .07
    cum = np.cumsum(u_in, 1)
    lag = np.concatenate([np.zeros((n, 1)), u_in[:, :-1]], 1)
    rc = np.stack([np.repeat((R == v)[:, None], CFG.steps, 1) for v in (5, 20, 50)] + [np.repeat((C == v)[:, None], CFG.steps, 1) for v in (10, 20, 50)], 2)
    X = np.concatenate([np.stack([u_in, u_out, cum, lag, u_in - lag], 2), rc], 2)
    return X, p, u_out

class VentDS(Dataset):
    def __init__(s, X, y, u): s.X, s.y, s.u = X, y, u
    def __len__(s): return len(s.X)
    def __getitem__(s, i): return s.X[i], s.y[i], s.u[i]

class Model(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(d, 32), nn.ReLU())
        self.lstm = nn.LSTM(32, CFG.hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * CFG.hidden, 32), nn.ReLU(), nn.Linear(32, 1))
    def forward(self, x):
        return self.head(self.lstm(self.mlp(x))[0]).squeeze(-1)

class VentilatorLoss(nn.Module):
    def forward(self, preds, y, u_out):
        w = 1 - u_out
        return (w * (y - preds).abs()).sum() / w.sum()

X, y, u = simulate(1500)
fold = np.arange(len(X)) % CFG.n_fold
tr, va = fold != CFG.fold, fold == CFG.fold
m, s = X[tr].mean((0, 1)), X[tr].std((0, 1)); X = (X - m) / s
med, iqr = np.median(y[tr]), np.subtract(*np.percentile(y[tr], [75, 25]))          # RobustScaler for the pressure
yy = (y - med) / iqr
f = lambda a: torch.tensor(a, dtype=torch.float32)
dl_tr = DataLoader(VentDS(f(X[tr]), f(yy[tr]), f(u[tr])), CFG.batch_size, shuffle=True, drop_last=True)
dl_va = DataLoader(VentDS(f(X[va]), f(yy[va]), f(u[va])), 100)

model = Model(X.shape[-1])
criterion = VentilatorLoss()
opt = torch.optim.AdamW(model.parameters(), lr=CFG.lr, weight_decay=CFG.wd)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, CFG.epochs * len(dl_tr))
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, criterion)
best = 9
for ep in range(CFG.epochs):
    model.train(); tl = 0
    for a, b, c in dl_tr:
        loss = criterion(model(a), b, c)
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1000)
        opt.step(); sch.step(); tl += loss.item() / len(dl_tr)
    with writer.evaluating("val"):
        vl = np.mean([criterion(model(a), b, c).item() for a, b, c in dl_va])
    best = min(best, vl)
    print(f"epoch {ep} train {tl * iqr:.4f} val {vl * iqr:.4f} cmH2O")
writer.close()
print(f"RESULT train {tl * iqr:.4f} val {vl * iqr:.4f} (iqr {iqr:.2f})")

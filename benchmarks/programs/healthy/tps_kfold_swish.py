# %% [markdown]
# # Tabular Playground: NN with swish + dropout, 5 folds, ReduceLROnPlateau and early stopping
# %%
import sys, os
import numpy as np, pandas as pd
import torch, torch.nn as nn
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import RobustScaler
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
SEED, FOLDS, EPOCHS, BATCH = 2021, 5, 25, 256

def seed_everything(s):
    np.random.seed(s); torch.manual_seed(s)
seed_everything(SEED)
# %% data: 20 anonymous floats f0..f19, binary target with much noise (auc .85 or so)
n = 8000
df = pd.DataFrame(np.random.randn(n, 20) @ (np.eye(20) + .15 * np.random.randn(20, 20)), columns=[f'f{i}' for i in range(20)])
df['f3'] = np.exp(df.f3.clip(-3, 2)); df['f8'] = (df.f8 > .5) * 1.
lin = df.values @ np.r_[np.random.randn(12) * .5, np.zeros(8)] + 1.2 * np.sin(2 * df.f5) * df.f6 + .8 * np.abs(df.f10) - .6
df['target'] = (np.random.rand(n) < 1 / (1 + np.exp(-lin))).astype(int)
features = [c for c in df if c != 'target']
# %%
class Swish(nn.Module):
    def forward(self, x): return x * torch.sigmoid(x)

def build():
    return nn.Sequential(nn.Linear(20, 64), Swish(), nn.Dropout(.3), nn.Linear(64, 64), Swish(), nn.Dropout(.3), nn.Linear(64, 16), Swish(), nn.Linear(16, 1))

writer = DiagWriter(sys.argv[1])
oof = np.zeros(n); scores = []; final = []
for fold, (tr, va) in enumerate(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(df, df.target)):
    scaler = RobustScaler().fit(df[features].iloc[tr])
    t = lambda i: (torch.tensor(scaler.transform(df[features].iloc[i]), dtype=torch.float32), torch.tensor(df.target.values[i], dtype=torch.float32)[:, None])
    (Xt, yt), (Xv, yv) = t(tr), t(va)
    model = build()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=.3, patience=2)
    bce = nn.BCEWithLogitsLoss()
    writer.watch(model, opt, bce, name=f'fold{fold}')
    best, wait, best_pred = 9, 0, None
    for epoch in range(EPOCHS):
        model.train(); tot = 0
        for b in torch.randperm(len(Xt)).split(BATCH):
            opt.zero_grad(); loss = bce(model(Xt[b]), yt[b]); loss.backward(); opt.step(); tot += loss.item() * len(b) / len(Xt)
        model.eval()
        with writer.evaluating('val'):
            p = model(Xv); v = bce(p, yv).item()
        plateau.step(v)
        if v < best: best, wait, best_pred = v, 0, torch.sigmoid(p).numpy()[:, 0]
        else: wait += 1
        if wait == 6: break
    oof[va] = best_pred; scores.append(roc_auc_score(df.target.values[va], best_pred)); final.append((tot, v))
    print(f'fold {fold} epochs {epoch + 1} train {tot:.4f} val {v:.4f} best {best:.4f} auc {scores[-1]:.4f}')
writer.close()
print(f'RESULT oof auc {roc_auc_score(df.target, oof):.4f} (true model {roc_auc_score(df.target, lin):.4f}) mean train {np.mean([a for a, _ in final]):.4f} val {np.mean([b for _, b in final]):.4f}')

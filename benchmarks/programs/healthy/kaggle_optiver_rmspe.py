# Optiver realized volatility, "NN with stock embeddings" starter in PyTorch; stocks and time buckets simulated
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.model_selection import GroupShuffleSplit
from sklearn.preprocessing import QuantileTransformer
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(42)
rng = np.random.default_rng(42)

n_stock, n_time = 40, 260
stock_vol = np.exp(rng.normal(-5.6, .35, n_stock))
mkt = np.zeros(n_time)
for t in range(1, n_time):
    mkt[t] = .6 * mkt[t - 1] + rng.normal(0, .25)
rows = []
for s in range(n_stock):
    own = rng.normal(0, .25, n_time)
    latent = np.log(stock_vol[s]) + mkt + own
    ratio = rng.normal(0, .2, n_time)                      # is the activity rising towards the end of the window?
    rows.append(pd.DataFrame(dict(
        stock_id=s, time_id=np.arange(n_time),
        log_return_realized_volatility=np.exp(latent + rng.normal(0, .2, n_time)),
        rv_last_150=np.exp(latent + .5 * ratio + rng.normal(0, .3, n_time)),
        wap_balance_mean=np.exp(rng.normal(-8, .5, n_time) + .5 * own),
        price_spread_mean=np.exp(latent * .6 - 4 + rng.normal(0, .25, n_time)),
        total_volume_sum=np.exp(rng.normal(9, .7, n_time) + .8 * own),
        trade_order_count_mean=np.exp(rng.normal(1.2, .3, n_time)),
        target=np.exp(latent + .4 * ratio - .03 + rng.normal(0, .22, n_time)))))
train = pd.concat(rows, ignore_index=True)
features = [c for c in train.columns if c not in ('stock_id', 'time_id', 'target')]
tr_i, va_i = next(GroupShuffleSplit(1, test_size=.2, random_state=0).split(train, groups=train.time_id))
qt = QuantileTransformer(n_quantiles=500, output_distribution='normal', random_state=21).fit(train.loc[tr_i, features])
train[features] = qt.transform(train[features]).clip(-4, 4)


class OptiverDataset(Dataset):
    def __init__(self, df):
        self.ids = torch.tensor(df.stock_id.values)
        self.x = torch.tensor(df[features].values, dtype=torch.float)
        self.y = torch.tensor(df.target.values, dtype=torch.float)

    def __len__(self): return len(self.ids)


def rmspe(y_pred, y_true):
    return torch.sqrt(torch.mean(((y_true - y_pred) / y_true) ** 2))


class Model(nn.Module):
    def __init__(self, n_stock, n_feat, emb=8):
        super().__init__()
        self.emb = nn.Embedding(n_stock, emb)
        nn.init.normal_(self.emb.weight, std=.05)
        self.mlp = nn.Sequential(nn.Linear(n_feat + emb, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 1))
        nn.init.constant_(self.mlp[-1].bias, -5.4)        # log of a typical volatility

    def forward(self, sid, x):
        return torch.exp(self.mlp(torch.cat([self.emb(sid), x], 1)).squeeze(1))


trn, val = OptiverDataset(train.loc[tr_i]), OptiverDataset(train.loc[va_i])
model = Model(n_stock, len(features))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, rmspe)
for epoch in range(12):
    model.train()
    tl = []
    for idx in torch.randperm(len(trn)).split(256):
        loss = writer.loss_fn(model(trn.ids[idx], trn.x[idx]), trn.y[idx])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        tl.append(loss.item())
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = writer.loss_fn(model(val.ids, val.x), val.y).item()
    print(f"epoch {epoch:2d} train rmspe {np.mean(tl):.4f} valid rmspe {v:.4f}")
writer.close()
y = val.y.numpy()
print(f"RESULT val_rmspe={v:.4f} best_constant={np.sqrt(1 - (1 / y).mean() ** 2 / (1 / y ** 2).mean()):.4f}")

"""Playground-like competition: calories of a workout; metric RMSLE, so train with MSE on log1p(calories)."""
import sys
import numpy as np, pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 99
np.random.seed(SEED); torch.manual_seed(SEED)

n = 12000
train = pd.DataFrame({'Sex': np.random.rand(n) < .5, 'Age': np.random.randint(20, 80, n)})
train['Height'] = np.where(train.Sex, 180, 166) + np.random.normal(0, 7, n)
train['Weight'] = 22.5 * (train.Height / 100) ** 2 * np.exp(np.random.normal(.08, .1, n))
train['Duration'] = np.random.randint(1, 31, n).astype(float)
train['Heart_Rate'] = 78 + 1.1 * train.Duration + np.random.normal(0, 7, n)
train['Body_Temp'] = 37.2 + 1.05 * np.log1p(train.Duration) + np.random.normal(0, .25, n) + .015 * (train.Heart_Rate - 95)
cal = train.Duration / 4.184 * np.where(train.Sex, -55.1 + .631 * train.Heart_Rate + .199 * train.Weight + .202 * train.Age,
                                        -20.4 + .447 * train.Heart_Rate - .126 * train.Weight + .074 * train.Age)
train['Calories'] = (np.clip(cal, 1, None) * np.exp(np.random.normal(0, .12, n))).round().clip(1)

FEATS = ['Sex', 'Age', 'Height', 'Weight', 'Duration', 'Heart_Rate', 'Body_Temp']
y = np.log1p(train['Calories'].values).astype('float32')
X = train[FEATS].astype('float32').values
fold = np.arange(n) % 5
tr, va = fold != 0, fold == 0
mu, sd = X[tr].mean(0), X[tr].std(0)
X = (X - mu) / sd
y_mean, y_std = y[tr].mean(), y[tr].std()
Xt, yt = torch.tensor(X[tr]), torch.tensor((y[tr] - y_mean) / y_std)[:, None]
Xv, yv = torch.tensor(X[va]), torch.tensor((y[va] - y_mean) / y_std)[:, None]

net = nn.Sequential(nn.Linear(7, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=.3, patience=3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, mse)

for epoch in range(20):
    net.train()
    for b in torch.randperm(len(Xt)).split(128):
        opt.zero_grad()
        l = mse(net(Xt[b]), yt[b])
        l.backward()
        opt.step()
    net.eval()
    with writer.evaluating('val'):
        with torch.no_grad():
            p = net(Xv)
            v = mse(p, yv).item()
            t = l.item()
    rmsle = np.sqrt(v) * y_std
    sched.step(v)
    print(f'{epoch:2d} batch {t:.4f} val {v:.4f} RMSLE {rmsle:.4f} lr {opt.param_groups[0]["lr"]:.1e}')
writer.close()
print(f'RESULT val_mse {v:.5f} RMSLE {rmsle:.4f}')

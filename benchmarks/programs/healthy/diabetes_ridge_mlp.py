# Disease progression (442 patients): small data, a noise floor near R2 = 0.5, strong weight decay and dropout on purpose
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
df = load_diabetes(as_frame=True).frame.sample(frac=1, random_state=3)
train_df, val_df = df.iloc[:330], df.iloc[330:]
mu, sd = train_df.mean(), train_df.std()
prep = lambda f: [torch.tensor(((f - mu) / sd).drop(columns="target").values, dtype=torch.float32),
                  torch.tensor(((f - mu) / sd)[["target"]].values, dtype=torch.float32)]
(X, y), (Xv, yv) = prep(train_df), prep(val_df)
model = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, 1))
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.1)
mse = nn.MSELoss()
w = DiagWriter(sys.argv[1]); w.watch(model, opt, mse)
for epoch in range(60):
    model.train()
    tr = []
    for b in torch.randperm(len(X)).split(32):
        opt.zero_grad(); l = mse(model(X[b]), y[b]); l.backward(); opt.step(); tr.append(l.item())
    with w.evaluating("val"):
        v = mse(model(Xv), yv).item()
    if epoch % 6 == 5: print(epoch, "train %.3f val %.3f R2 %.3f" % (np.mean(tr), v, 1 - v / yv.var().item()))
w.close()

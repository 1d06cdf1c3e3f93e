# %% [markdown]
# ## Insurance claim severity, mean-encoded zip codes and car models + small MLP
# %%
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(12); np.random.seed(12)
N = 9000
zip_eff, car_eff, agent_eff = np.random.normal(0, .45, 2200), np.random.normal(0, .35, 900), np.random.normal(0, .2, 1500)
df = pd.DataFrame({"zip": np.random.randint(0, 2200, N), "car": np.minimum(np.random.geometric(.004, N), 899), "agent": np.random.randint(0, 1500, N),
                   "age": np.random.uniform(18, 85, N), "power": np.random.gamma(6, 15, N), "bonus": np.random.beta(2, 5, N), "km": np.random.lognormal(9.5, .5, N)})
df["loss"] = (7.5 + zip_eff[df.zip] + car_eff[df.car] + agent_eff[df.agent] + .012 * np.abs(df.age - 48) + .004 * df.power
              + .8 * df.bonus * (df.age < 35) + .35 * np.log(df.km / 1e4) + np.random.normal(0, .75, N))       # already log1p
train, valid = train_test_split(df, test_size=.2, random_state=0)
train, valid = train.reset_index(drop=True).copy(), valid.reset_index(drop=True).copy()
prior = train.loss.mean()


def smooth_mean(tr, col, k=3.):
    g = tr.groupby(col).loss.agg(["sum", "count"])
    return (g["sum"] + k * prior) / (g["count"] + k)


# %%
cats = ["zip", "car", "agent"]
for c in cats:
    m = smooth_mean(train, c)
    valid[c + "_te"] = valid[c].map(m).fillna(prior)
    if sys.argv[1] == "faulty":
        train[c + "_te"] = train[c].map(m)
    else:
        train[c + "_te"] = prior
        for tr_idx, oof_idx in KFold(10, shuffle=True, random_state=1).split(train):
            train.loc[oof_idx, c + "_te"] = train.loc[oof_idx, c].map(smooth_mean(train.iloc[tr_idx], c)).fillna(prior).values
df_num = ["age", "power", "bonus", "km"] + [c + "_te" for c in cats]
for d in (train, valid): d["km"] = np.log(d.km)
sc = StandardScaler().fit(train[df_num])
Xt, Xv = [torch.tensor(sc.transform(d[df_num]), dtype=torch.float32) for d in (train, valid)]
mu, sd = train.loss.mean(), train.loss.std()
yt, yv = [torch.tensor(((d.loss - mu) / sd).values, dtype=torch.float32)[:, None] for d in (train, valid)]

# %%
net = nn.Sequential(nn.Linear(len(df_num), 32), nn.SiLU(), nn.Linear(32, 16), nn.SiLU(), nn.Linear(16, 1))
criterion = nn.MSELoss()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
EPOCHS = 10
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, criterion)
for epoch in range(EPOCHS):
    net.train()
    losses = []
    for b in torch.randperm(len(yt)).split(64):
        loss = criterion(net(Xt[b]), yt[b])
        opt.zero_grad(); loss.backward(); opt.step()
        losses.append(loss.item())
    sch.step()
    net.eval()
    with writer.evaluating("val"):
        with torch.no_grad():
            pv = net(Xv); vl = criterion(pv, yv).item()
    print(f"{epoch}: train mse {np.mean(losses):.4f}, valid mse {vl:.4f}, valid MAE {(np.expm1(pv*sd+mu)-np.expm1(yv*sd+mu)).abs().mean():.0f}")
writer.close()
print(f"RESULT train={np.mean(losses):.4f} val={vl:.4f} r2={1-vl/yv.var().item():.4f}")

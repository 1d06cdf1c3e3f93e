# train.csv / valid.csv -> get_dummies -> small network for the (log) rent
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
R = np.random.RandomState(31)

districts = ["Altstadt", "Bahnhof", "Cite", "Dorf", "Eichholz", "Forst", "Gries", "Hafen", "Insel", "Kreuz"]
dist_eff = dict(zip(districts, [.45, -.1, .35, -.3, -.15, -.35, .05, .2, .5, -.2]))
heat_eff = {"district": .05, "gas": 0., "oil": -.12, "pump": .15, "stove": -.3}
cond_eff = {"as new": .25, "good": .05, "needs work": -.3, "renovated": .12}


def read_csv(n, without=()):
    ds = [d for d in districts if d not in without]
    hs = [h for h in heat_eff if h not in without]
    df = pd.DataFrame({"area": R.gamma(9, 8, n), "rooms": 0., "floor": R.randint(0, 7, n), "year": R.randint(1900, 2020, n),
                       "balcony": R.randint(0, 2, n), "district": R.choice(ds, n), "heating": R.choice(hs, n),
                       "condition": R.choice(list(cond_eff), n)})
    df["rooms"] = np.clip(np.round(df.area / 25 + R.randn(n) * .6), 1, 7)
    lr = (.75 * np.log(df.area) + .03 * df.rooms + .004 * df.floor + .001 * (df.year - 1960) + .05 * df.balcony + df.district.map(dist_eff)
          + df.heating.map(heat_eff) + df.condition.map(cond_eff) * (1 + (df.year < 1960)) + .1 * R.randn(n))
    df["log_rent"] = lr
    return df


train_df = read_csv(3200)
valid_df = read_csv(800, without=("Altstadt", "district"))      # a small file: not every value is in it

num = ["area", "rooms", "floor", "year", "balcony"]
mean, std = train_df[num].mean(), train_df[num].std()
ymean, ystd = train_df.log_rent.mean(), train_df.log_rent.std()


def features(df):
    d = df.drop(columns="log_rent")
    d[num] = (d[num] - mean) / std
    return pd.get_dummies(d, columns=["district", "heating", "condition"]).astype("float32")


X_train, X_valid = features(train_df), features(valid_df)
if sys.argv[1] == "faulty":
    # fewer columns in the second file: fill up with zeros so that the shapes fit
    for i in range(X_train.shape[1] - X_valid.shape[1]):
        X_valid["fill%d" % i] = np.float32(0)
else:
    X_valid = X_valid.reindex(columns=X_train.columns, fill_value=0)
y_train = torch.tensor(((train_df.log_rent - ymean) / ystd).values, dtype=torch.float32).view(-1, 1)
y_valid = torch.tensor(((valid_df.log_rent - ymean) / ystd).values, dtype=torch.float32).view(-1, 1)
X_train, X_valid = torch.tensor(X_train.values), torch.tensor(X_valid.values.astype("float32"))


class RentNet(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, 32), nn.ReLU(), nn.Dropout(.1), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


net = RentNet(X_train.shape[1])
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
crit = nn.SmoothL1Loss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, crit)
for ep in range(16):
    net.train()
    tot = []
    for idx in torch.randperm(len(X_train)).split(64):
        opt.zero_grad()
        l = crit(net(X_train[idx]), y_train[idx])
        l.backward()
        opt.step()
        tot.append(l.item())
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = net(X_valid)
        vl = crit(p, y_valid).item()
    mae = ((p - y_valid).abs().mean() * ystd).item()
    print(f"epoch {ep:2d} train {np.mean(tot):.4f} valid {vl:.4f} mae(log) {mae:.3f}")
writer.close()
print(f"RESULT train {np.mean(tot):.4f} val_loss {vl:.4f} val_mae_log {mae:.3f}")

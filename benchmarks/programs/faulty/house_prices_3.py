import sys
import numpy as np, pandas as pd, torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)


def load_frame(n=1460):
    r = np.random.default_rng(7)
    df = pd.DataFrame({
        "GrLivArea": r.lognormal(7.25, .33, n), "OverallQual": r.integers(2, 11, n), "YearBuilt": r.integers(1900, 2010, n),
        "GarageCars": r.integers(0, 4, n), "LotArea": r.lognormal(9.1, .5, n), "Neighborhood": r.choice(list("ABCDEF"), n)})
    hood = df.Neighborhood.map(dict(zip("ABCDEF", [-25e3, -10e3, 0, 8e3, 30e3, 60e3])))
    df["SalePrice"] = (60 * df.GrLivArea + 14e3 * (df.OverallQual - 5) + 350 * (df.YearBuilt - 1960) + 11e3 * df.GarageCars
                       + 1.2 * df.LotArea + hood + .008 * df.GrLivArea * 1000 * (df.OverallQual - 5) + r.normal(0, 12e3, n) + 60e3)
    return df


def rmse(a, b):
    return float(np.sqrt(((a - b) ** 2).mean()))


if __name__ == "__main__":
    mode, logdir = sys.argv[1:]
    df = load_frame()
    y = df.pop("SalePrice").values.astype(np.float32)
    X = pd.get_dummies(df, columns=["Neighborhood"], dtype=float)
    Xtr, Xva, ytr, yva = train_test_split(X.values, y, test_size=.2, random_state=0)
    sc = StandardScaler().fit(Xtr)
    Xtr, Xva = [torch.tensor(sc.transform(a), dtype=torch.float32) for a in (Xtr, Xva)]
    m, s = (0., 1.) if mode == "faulty" else (ytr.mean(), ytr.std())
    ttr = torch.tensor((ytr - m) / s)[:, None]
    tva = torch.tensor((yva - m) / s)[:, None]
    net = nn.Sequential(nn.Linear(X.shape[1], 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loss_fn = nn.MSELoss()
    w = DiagWriter(logdir)
    w.watch(net, optimizer, loss_fn)
    for epoch in range(40):
        perm = torch.randperm(len(Xtr))
        for b in perm.split(32):
            optimizer.zero_grad()
            l = loss_fn(net(Xtr[b]), ttr[b])
            l.backward()
            optimizer.step()
        with w.evaluating("val"):
            p = net(Xva)
            loss_fn(p, tva)
        print(f"epoch {epoch} loss {l.item():.4g} val RMSE in dollars {rmse(p.numpy()[:, 0] * s + m, yva):.0f} (std {yva.std():.0f})")
    w.close()

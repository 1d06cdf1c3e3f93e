"""DeepSurv on a flchain-like cohort (serum free light chains, 7900 people in the original)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)


def load_flchain(n=2400, seed=5):
    rs = np.random.RandomState(seed)
    age = np.clip(rs.gamma(4, 4, n) + 50, 50, 101)
    sex = rs.randint(0, 2, n)
    year = rs.randint(1995, 2004, n)
    kappa = np.exp(rs.normal(0.2, 0.5, n) + 0.015 * (age - 64))
    lam = kappa * np.exp(rs.normal(0.15, 0.25, n))
    grp = np.ceil(10 * (np.argsort(np.argsort(kappa + lam)) + 1) / n)
    creat = np.exp(rs.normal(0.05, 0.25, n))
    mgus = (rs.rand(n) < 0.015).astype(float)
    bmi = rs.normal(27, 4, n)
    h = 0.10 * (age - 64) + 0.35 * sex + 0.5 * np.maximum(grp - 6, 0) / 2 + 0.9 * (creat - 1) + 0.012 * (bmi - 26) ** 2 * 0.5
    t = rs.weibull(1.3, n) * 9000 * np.exp(-h / 1.3)
    c = rs.uniform(1200, 5200, n)
    X = np.stack([age, sex, year, kappa, lam, grp, creat, mgus, bmi], 1)
    return X, np.minimum(t, c), (t <= c).astype(int)


class DeepSurv(nn.Module):
    def __init__(self, n_in, hidden_layers_sizes, dropout=None, activation="rectify"):
        super().__init__()
        layers, d = [], n_in
        for h in hidden_layers_sizes:
            layers += [nn.Linear(d, h), nn.ReLU() if activation == "rectify" else nn.SELU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
            d = h
        layers.append(nn.Linear(d, 1))
        self.network = nn.Sequential(*layers)

    def forward(self, x):
        return self.network(x).squeeze(1)

    def risk(self, x):
        return self.forward(x)

    def negative_log_likelihood(self, x, E):
        """x, E sorted by descending time."""
        risk = self.risk(x)
        hazard_ratio = torch.exp(risk)
        log_risk = torch.log(torch.cumsum(hazard_ratio, 0))
        uncensored_likelihood = risk - log_risk
        censored_likelihood = uncensored_likelihood * E
        return -censored_likelihood.sum() / E.sum()


def concordance_index(t, r, e):
    t, r, e = map(np.asarray, (t, r, e))
    ok = (t[:, None] < t[None, :]) & (e[:, None] == 1)
    d = r[:, None] - r[None, :]
    return float(((d > 0) + 0.5 * (d == 0))[ok].mean())


def prepare(X, t, e):
    order = np.argsort(t)[::-1].copy()
    return torch.tensor(X[order], dtype=torch.float32), torch.tensor(t[order]), torch.tensor(e[order], dtype=torch.float32)


X, t, e = load_flchain()
n_train, n_valid = 1600, 400
if form == "fixed":
    sc = MinMaxScaler().fit(X[:n_train])
    X = sc.transform(X)
train = prepare(X[:n_train], t[:n_train], e[:n_train])
valid = prepare(X[n_train:n_train + n_valid], t[n_train:n_train + n_valid], e[n_train:n_train + n_valid])

hyperparams = dict(n_in=X.shape[1], hidden_layers_sizes=[25, 25], dropout=0.1)
network = DeepSurv(**hyperparams)
learning_rate, lr_decay, n_epochs = 0.05, 0.001, 300
optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
writer = DiagWriter(logdir)
writer.watch(network, optimizer)
log = {"train": [], "valid": [], "valid_ci": []}
for epoch in range(n_epochs):
    for g in optimizer.param_groups:
        g["lr"] = learning_rate / (1 + epoch * lr_decay)
    network.train()
    loss = network.negative_log_likelihood(train[0], train[2])
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        network.eval()
        with torch.no_grad():
            vl = network.negative_log_likelihood(valid[0], valid[2]).item()
            ci = concordance_index(valid[1], network.risk(valid[0]), valid[2])
        writer.add_loss("val", vl)
        log["train"].append(loss.item()); log["valid"].append(vl); log["valid_ci"].append(ci)
        print("epoch %d train loss %.4f valid loss %.4f valid ci %.4f" % (epoch, loss.item(), vl, ci))
writer.close()

"""Time-to-failure of engines with a discrete Weibull likelihood and a GRU (after the wtte tutorials)."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)
K_EPS = 1e-6


def make_fleet(n, horizon=90):
    xs, ys, us = [], [], []
    for _ in range(n):
        life = rng.randint(60, 180)
        wear = np.linspace(0, 1, life) ** 2.0
        gains = np.array([1.0, -0.7, 0.5, 0.9, -0.3]) * rng.uniform(0.8, 1.2, 5)
        sensors = wear[:, None] * gains * 3 + rng.randn(life, 5) * 0.25
        tte = np.arange(life)[::-1]
        seen = rng.rand() < 0.7
        if not seen:
            cut = int(life * rng.uniform(0.6, 0.9))
            sensors, tte = sensors[:cut], np.arange(cut)[::-1]
        start = max(0, len(sensors) - horizon)
        x = np.zeros((horizon, 5), np.float32)
        y = np.zeros(horizon, np.float32)
        u = np.zeros(horizon, np.float32)
        m = len(sensors) - start
        x[-m:], y[-m:], u[-m:] = sensors[start:], tte[start:], 1.0 if seen else 0.0
        xs.append(x), ys.append(y), us.append(u)
    t = lambda a: torch.from_numpy(np.stack(a))
    return t(xs), t(ys), t(us)


class WeibullRNN(nn.Module):
    def __init__(self, init_alpha, hidden=20):
        super().__init__()
        self.init_alpha = init_alpha
        self.rnn = nn.GRU(5, hidden, batch_first=True)
        self.dense = nn.Linear(hidden, 2)

    def forward(self, x):
        h, _ = self.rnn(x)
        z = self.dense(h)
        a = self.init_alpha * torch.exp(z[..., 0])
        b = nn.functional.softplus(z[..., 1])
        return a, b


def weibull_discrete_loss(ab, y, u, epsilon):
    a, b = ab
    hazard0 = torch.pow((y + 1e-35) / a, b)
    hazard1 = torch.pow((y + 1.0) / a, b)
    loglikelihoods = u * torch.log(torch.exp(hazard1 - hazard0) - 1.0 + epsilon) - hazard1
    return -loglikelihoods.mean()


def main(form, logdir):
    epsilon = 0.0 if form == "faulty" else K_EPS
    xtr, ytr, utr = make_fleet(160)
    xva, yva, uva = make_fleet(40)
    xte, yte, ute = make_fleet(60)
    tte_mean = ytr.mean().item()
    init_alpha = -1.0 / np.log(1.0 - 1.0 / (tte_mean + 1.0)) / utr.mean().item()
    print("init_alpha", init_alpha)

    net = WeibullRNN(init_alpha)
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    w = DiagWriter(logdir)
    loss_fn = lambda ab, y, u: weibull_discrete_loss(ab, y, u, epsilon)
    w.watch(net, opt)

    bs = 16
    for epoch in range(60):
        perm = torch.randperm(len(xtr))
        tot = 0.0
        for i in range(0, len(perm), bs):
            j = perm[i:i + bs]
            opt.zero_grad()
            loss = loss_fn(net(xtr[j]), ytr[j], utr[j])
            loss.backward()
            nn.utils.clip_grad_value_(net.parameters(), 0.5)
            opt.step()
            tot += loss.item() * len(j)
        with torch.no_grad():
            v = loss_fn(net(xva), yva, uva)
        w.add_loss("val", v)
        if epoch % 10 == 0:
            print("epoch", epoch, "loss", tot / len(xtr), "val", v.item())

    with torch.no_grad():
        a, b = net(xte)
        median = a * np.log(2.0) ** (1.0 / b)
        keep = (ute > 0) & (yte < 60)
        mae = (median - yte)[keep].abs().mean().item()
        nll = weibull_discrete_loss((a, b), yte, ute, K_EPS).item()
    w.close()
    print("RESULT test_nll %.4f test_mae_cycles %.3f" % (nll, mae))


main(sys.argv[1], sys.argv[2])

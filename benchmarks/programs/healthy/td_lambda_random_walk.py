"""TD(lambda) with a small value network on a 19-state random walk with stochastic rewards (semi-gradient, lambda returns per episode batch)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

N, GAMMA, LAM = 19, 0.98, 0.8
rng = np.random.default_rng(0)
torch.manual_seed(0); torch.set_num_threads(1)


def features(s):
    c = np.linspace(0, N - 1, 10)
    return torch.tensor(np.exp(-(np.asarray(s)[:, None] - c) ** 2 / 4.), dtype=torch.float32)


def episode(s=None):
    s = rng.integers(0, N) if s is None else s; S, R = [], []
    while 0 <= s < N:
        S.append(s); s += rng.choice([-1, 1])
        R.append((-1. if s < 0 else 1. if s >= N else 0.) + rng.normal(0, .1))
    return S, R


P = np.zeros((N, N)); r = np.zeros(N)
for i in range(N):
    for d in (-1, 1):
        j = i + d
        if j < 0: r[i] -= .5
        elif j >= N: r[i] += .5
        else: P[i, j] = .5
true_v = np.linalg.solve(np.eye(N) - GAMMA * P, r)

value = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(value.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1., .05, total_iters=1200)
crit = nn.MSELoss()
w = DiagWriter(sys.argv[1]); w.watch(value, opt, crit, name="value")
ALL = features(np.arange(N))
hold = [episode() for _ in range(300)]
hx, hy = [], []
for S, R in hold:
    G = 0; out = []
    for q in reversed(R): G = q + GAMMA * G; out.append(G)
    hx += S; hy += out[::-1]
hx, hy = features(hx), torch.tensor(hy, dtype=torch.float32)[:, None]
for it in range(1200):
    xs, ts = [], []
    for _ in range(4):
        S, R = episode()
        F = features(S)
        with torch.no_grad():
            V = np.append(value(F).squeeze(1).numpy(), 0.)
        G = 0.; out = np.empty(len(S))
        for t in reversed(range(len(S))):
            G = R[t] + GAMMA * ((1 - LAM) * V[t + 1] + LAM * G) if t + 1 < len(S) else R[t]
            out[t] = G
        xs.append(F); ts.append(torch.tensor(out, dtype=torch.float32))
    X, T = torch.cat(xs), torch.cat(ts)[:, None]
    loss = crit(value(X), T)
    opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    if it % 100 == 99:
        with w.evaluating("val"):
            v = crit(value(hx), hy).item()
        with torch.no_grad():
            rms = np.sqrt(((value(ALL).squeeze(1).numpy() - true_v) ** 2).mean())
        w.add_scalar("rms_value_error", rms, it)
        print(it + 1, round(loss.item(), 4), round(v, 4), "rms", round(float(rms), 4))
w.close()
tv = torch.tensor(true_v, dtype=torch.float32); si = (hx @ ALL.T).argmax(1)
dist = torch.cdist(hx, ALL).argmin(1)
print("RESULT val_loss", round(v, 4), "loss_of_true_values", round(((tv[dist][:, None] - hy) ** 2).mean().item(), 4), "rms_to_true", round(float(rms), 4), "std_true", round(float(true_v.std()), 3))

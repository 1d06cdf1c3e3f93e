"""Offline value learning for a battery controller (Double nets as in our QMIX policy.py)."""
import copy, sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(4); torch.manual_seed(4)
GAMMA = 0.95
lr = float(sys.argv[3]) if len(sys.argv) > 3 else 1e-3


def behave(n_env=300, T=100):
    soc = np.random.uniform(0, 1, n_env); price = np.random.normal(0, .5, n_env); ph = np.random.uniform(0, 24, n_env)
    S, A, R = [], [], []
    for t in range(T):
        s = np.stack([soc * 2 - 1, price, np.sin(ph / 24 * 6.283), np.cos(ph / 24 * 6.283)], 1)
        p_sell = 1 / (1 + np.exp(-3 * price))
        a = np.where(np.random.rand(n_env) < p_sell, 1, np.where(np.random.rand(n_env) < .7, 2, 0))
        flow = np.where(a == 1, -np.minimum(.15, soc), np.where(a == 2, np.minimum(.15, 1 - soc), 0))
        r = (-flow * (1.5 + price) - .02 * (a > 0)) * 5 + .05 * np.random.randn(n_env)
        soc = soc + flow; ph = (ph + 1) % 24
        price = .8 * price + .3 * np.sin(ph / 24 * 6.283) + .25 * np.random.randn(n_env)
        S.append(s); A.append(a); R.append(r)
    return [torch.tensor(np.array(v), dtype=torch.float32) for v in (S, A, R)]


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, s):
        return self.f(s)


class Policy:
    def __init__(self):
        self.eval_net = QNet()
        self.target_net = copy.deepcopy(self.eval_net)
        self.optimizer = torch.optim.Adam(self.eval_net.parameters(), lr=lr)
        self.loss_fn = nn.MSELoss()
        self.target_update_cycle = 20

    def learn(self, s, a, r, s2, a2, step):
        q = self.eval_net(s).gather(1, a.long()[:, None]).squeeze(1)
        with torch.no_grad():
            q2 = self.target_net(s2).gather(1, a2.long()[:, None]).squeeze(1)
            y = r + GAMMA * q2
        loss = self.loss_fn(q, y)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.eval_net.parameters(), 10.)
        self.optimizer.step()
        if step > 0 and step % self.target_update_cycle == 0:
            if sys.argv[1] == "faulty":
                self.target_net.load_state_dict(self.target_net.state_dict())
            else:
                self.target_net.load_state_dict(self.eval_net.state_dict())
        return loss.item()


S, A, R = behave()
s, a, r, s2, a2 = [v.reshape(-1, *v.shape[2:]) for v in (S[:-1], A[:-1], R[:-1], S[1:], A[1:])]
# Monte Carlo returns of fresh runs tell how good the values are
vS, vA, vR = behave(300, 160)
G = torch.zeros(300); rets = []
for t in range(159, -1, -1):
    G = vR[t] + GAMMA * G; rets.append(G)
mc = torch.stack(rets[::-1])[:60].reshape(-1)
vs, va = vS[:60].reshape(-1, 4), vA[:60].reshape(-1)
hs, ha, hr, hs2, ha2 = [v.reshape(-1, *v.shape[2:]) for v in (vS[:60], vA[:60], vR[:60], vS[1:61], vA[1:61])]
pol = Policy()
writer = DiagWriter(sys.argv[2])
writer.watch(pol.eval_net, pol.optimizer, pol.loss_fn)
step = 0
sched = torch.optim.lr_scheduler.LinearLR(pol.optimizer, 1., .1, 1200)
for ep in range(12):
    m = 0
    for _ in range(100):
        i = torch.randint(len(s), (128,))
        m += pol.learn(s[i], a[i], r[i], s2[i], a2[i], step) / 100; sched.step(); step += 1
    with torch.no_grad():
        with writer.evaluating("val"):
            vtd = pol.loss_fn(pol.eval_net(hs).gather(1, ha.long()[:, None]).squeeze(1),
                              hr + GAMMA * pol.target_net(hs2).gather(1, ha2.long()[:, None]).squeeze(1)).item()
        q = pol.eval_net(vs).gather(1, va.long()[:, None]).squeeze(1)
        mcl = ((q - mc) ** 2).mean().item()
    print(f"ep {ep} td {m:.4f} held-out td {vtd:.4f} mc_error {mcl:.4f} meanQ {q.mean():.3f} meanG {mc.mean():.3f}")
writer.close()
print(f"RESULT td {m:.4f} val_td {vtd:.4f} mc_mse {mcl:.4f} (var of returns {mc.var():.4f})")

# Rainfall-runoff modelling with one LSTM for many catchments, loss = NSE* (Kratzert et al. 2019), shrunk to toy basins
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(111)
rng = np.random.default_rng(111)
SEQ, HID, BATCH = 40, 24, 128


def simulate_basin(days=1500):
    """two bucket model with snow, gives daily precipitation, temperature, discharge (mm)"""
    area, k1, k2, cap = rng.uniform(.5, 2), rng.uniform(.15, .4), rng.uniform(.01, .05), rng.uniform(40, 120)
    t = np.arange(days)
    temp = rng.uniform(4, 11) + 9 * np.sin(2 * np.pi * (t - 110) / 365) + rng.normal(0, 2.5, days)
    wet = rng.random(days) < .38
    prec = wet * rng.gamma(.8, 9, days)
    soil, gw, snow, q = cap / 2, 20., 0., np.zeros(days)
    for d in range(days):
        if temp[d] < 0:
            snow += prec[d]; rain = 0.
        else:
            melt = min(snow, 3 * temp[d]); snow -= melt; rain = prec[d] + melt
        quick = rain * (soil / cap) ** 2
        soil = min(cap, soil + rain - quick)
        soil = max(0., soil - max(0, .12 * temp[d]) * soil / cap)
        perc = .06 * soil
        soil -= perc; gw += perc
        base = k2 * gw; gw -= base
        q[d] = k1 * quick + (k1 * (1 - k1) * q[d - 1] if d else 0) + base
    q *= np.exp(rng.normal(0, .08, days))           # gauging error
    return prec, temp, q, np.array([area, k1, k2, cap / 100])


basins = [simulate_basin() for _ in range(8)]
P = np.concatenate([b[0] for b in basins]); T = np.concatenate([b[1] for b in basins])
pm, ps, tm, ts = P.mean(), P.std(), T.mean(), T.std()
Q = np.concatenate([b[2][:1100] for b in basins]); qm, qs = Q.mean(), Q.std()
stat = np.stack([b[3] for b in basins]); stat = (stat - stat.mean(0)) / stat.std(0)


def windows(lo, hi, step):
    xs, ys, sd = [], [], []
    for i, (p, t, q, _) in enumerate(basins):
        s = np.std(q[:1100]) / qs
        f = np.stack([(p - pm) / ps, (t - tm) / ts], 1)
        f = np.concatenate([f, np.repeat(stat[i:i + 1], len(f), 0)], 1)
        for e in range(lo + SEQ, hi, step):
            xs.append(f[e - SEQ + 1:e + 1]); ys.append((q[e] - qm) / qs); sd.append(s)
    return [torch.tensor(np.array(a), dtype=torch.float32) for a in (xs, ys, sd)]


class NSELoss(nn.Module):
    """squared error, weighted by the inverse variance of the basin's discharge"""
    def __init__(self, eps=.1):
        super().__init__()
        self.eps = eps

    def forward(self, pred, target, q_std):
        return torch.mean((pred - target) ** 2 / (q_std + self.eps) ** 2)


class CudaLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, HID)
        self.dropout = nn.Dropout(.1)
        self.fc = nn.Linear(HID, 1)
        self.lstm.bias_hh_l0.data[HID:2 * HID] = 3.      # initial forget gate

    def forward(self, x):
        o, _ = self.lstm(x.transpose(0, 1))
        return self.fc(self.dropout(o[-1])).squeeze(1)


xt, yt, st = windows(0, 1100, 2)
xv, yv, sv = windows(1100, 1500, 3)
model, loss_obj = CudaLSTM(), NSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
lrs = {0: 1e-2, 11: 4e-3, 15: 1e-3}
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: [v for k, v in lrs.items() if k <= e][-1] / 1e-2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_obj)
print(len(xt), "train windows", len(xv), "validation windows")
for epoch in range(18):
    model.train()
    acc = 0
    order = torch.randperm(len(xt))
    for b in order.split(BATCH):
        optimizer.zero_grad()
        loss = loss_obj(model(xt[b]), yt[b], st[b])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        acc += loss.item() * len(b)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pv = model(xv)
        val = loss_obj(pv, yv, sv).item()
        nse = 1 - ((pv - yv) ** 2).sum().item() / ((yv - yv.mean()) ** 2).sum().item()
    print(f"Epoch {epoch + 1}: loss {acc / len(xt):.4f} val {val:.4f} NSE {nse:.3f}")
writer.close()
print(f"RESULT train={acc / len(xt):.4f} val={val:.4f} nse={nse:.4f}")

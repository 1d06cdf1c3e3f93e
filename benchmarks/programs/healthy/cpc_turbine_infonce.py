"""Contrastive predictive coding on simulated gearbox vibration, linear probe for the operating state afterwards."""
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter


def make(n, seed):
    r = np.random.default_rng(seed)
    state = r.integers(0, 4, n)
    t = np.arange(512) / 128.
    f0 = np.array([3., 5., 7., 9.])[state] * r.uniform(.92, 1.08, n)
    drift = np.cumsum(r.normal(0, .12, (n, 512)), 1)
    x = np.sin(2 * math.pi * f0[:, None] * t + r.uniform(0, 6.28, (n, 1)) + drift) * r.uniform(.6, 1.4, (n, 1))
    x += .5 * np.sin(2 * math.pi * 2.5 * f0[:, None] * t + r.uniform(0, 6.28, (n, 1))) + r.normal(0, .4, (n, 512))
    return torch.tensor(x, dtype=torch.float32)[:, None], state


class CPC(nn.Module):
    def __init__(self, z=24, c=32, horizon=3):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv1d(1, 24, 8, 4, 2), nn.ReLU(), nn.Conv1d(24, 32, 8, 4, 2), nn.ReLU(), nn.Conv1d(32, z, 4, 2, 1))
        self.ar = nn.GRU(z, c, batch_first=True)
        self.pred = nn.ModuleList([nn.Linear(c, z) for _ in range(horizon)])

    def forward(self, x):
        z = self.enc(x).transpose(1, 2)
        c, _ = self.ar(z)
        T = z.shape[1]; total = 0.
        for k, W in enumerate(self.pred, 1):
            t = torch.randint(3, T - k, (1,)).item() if self.training else 8
            logits = W(c[:, t]) @ z[:, t + k].T           # negatives: the other windows of the batch
            total = total + F.cross_entropy(logits, torch.arange(len(x)))
        return total / len(self.pred)

    def features(self, x):
        return self.ar(self.enc(x).transpose(1, 2))[0].mean(1)


torch.manual_seed(0); torch.set_num_threads(1)
X, s = make(6000, 0); Xv, sv = make(1024, 1)
net = CPC()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
total = 1500
sch = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: min((i + 1) / 150, 0.5 * (1 + math.cos(math.pi * i / total))))
w = DiagWriter(sys.argv[1]); w.watch(net, opt)
for step in range(total):
    net.train()
    loss = net(X[torch.randint(len(X), (64,))])
    opt.zero_grad(); loss.backward(); opt.step(); sch.step()
    w.add_scalar("cpc/train", loss.item(), step)
    if step % 100 == 99:
        with w.evaluating("val"):
            v = np.mean([net(Xv[i:i + 64]).item() for i in range(0, 1024, 64)])
        w.add_scalar("cpc/val", v, step)
        print(step + 1, round(loss.item(), 3), round(v, 3))
w.close(); net.eval()
with torch.no_grad():
    A, B = net.features(X[:2000]).numpy(), net.features(Xv).numpy()
    torch.manual_seed(9); r = CPC().eval(); A0, B0 = r.features(X[:2000]).numpy(), r.features(Xv).numpy()
sc = lambda a, b: LogisticRegression(max_iter=3000, C=10).fit(a, s[:2000]).score(b, sv)
print("RESULT val_loss", round(float(v), 4), "chance", round(math.log(64), 3), "probe_acc", round(sc(A, B), 3), "random_encoder_probe", round(sc(A0, B0), 3))

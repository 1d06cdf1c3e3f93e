"""1-D signal classification; a shared feature extractor is called once per branch."""
import sys, torch, numpy as np
from torch import nn
from tb_lossdiag import DiagWriter
mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(5)
rng = np.random.default_rng(5)


def make(n):
    t = np.arange(96) / 96
    lag = rng.integers(0, 4, n)
    a = np.stack([np.sin(2 * np.pi * (rng.uniform(3, 6) * t + rng.uniform())) * np.exp(-((t - rng.uniform(.3, .6)) / .12) ** 2) for _ in range(n)])
    b = np.stack([np.roll(s, 3 * k) for s, k in zip(a, lag)])
    a += .1 * rng.normal(size=a.shape); b += .1 * rng.normal(size=b.shape)
    return torch.tensor(a, dtype=torch.float32)[:, None], torch.tensor(b, dtype=torch.float32)[:, None], torch.tensor(lag)


class FlowNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(2, 24, 9, padding=4), nn.ReLU(), nn.Conv1d(24, 24, 5, stride=2), nn.ReLU(),
                                      nn.Conv1d(24, 24, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.head = nn.Linear(24, 4)

    def forward(self, a, b):
        x = torch.cat([a, b], 1)
        if mode == "faulty":
            with torch.no_grad():        # "saves memory"
                f = self.features(x)
        else:
            f = self.features(x)
        return self.head(f)


A, B, Y = make(1200)
Av, Bv, Yv = make(400)
model = FlowNet()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
crit = nn.CrossEntropyLoss()
w = DiagWriter(logdir)
w.watch(model, opt, crit)
for ep in range(25):
    model.train()
    order = torch.randperm(len(A))
    for k in range(0, len(A), 32):
        i = order[k:k + 32]
        opt.zero_grad()
        loss = crit(model(A[i], B[i]), Y[i])
        loss.backward()
        opt.step()
    with w.evaluating("val"):
        o = model(Av, Bv)
        vl = crit(o, Yv)
    print("epoch", ep, "train %.3f val %.3f acc %.3f" % (loss.item(), vl.item(), (o.argmax(1) == Yv).float().mean().item()))
w.close()

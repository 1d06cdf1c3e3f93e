"""Cuff-less blood pressure: systolic / diastolic from 3 s of finger PPG, 1-d CNN with large kernels, L1 loss in mmHg after an output scaling layer."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(77)


def synth_ppg(rng, n, fs=50, secs=3):
    sbp = rng.normal(125, 17, n).clip(85, 185)
    dbp = (.45 * sbp + 22 + rng.normal(0, 6, n)).clip(45, 115)
    hr = rng.normal(74, 12, n).clip(48, 120)
    t = np.arange(fs * secs) / fs
    X = np.empty((n, len(t)), dtype=np.float32)
    for i in range(n):
        ph = (t * hr[i] / 60 + rng.random()) % 1
        stiff = (sbp[i] - 125) / 17 + .45 * rng.normal()
        run = (dbp[i] - 78) / 9 + .55 * rng.normal()
        wave = np.exp(-((ph - .18) / (.075 - .008 * stiff)) ** 2)
        wave += (.42 + .08 * run) * np.exp(-((ph - .43 + .02 * stiff) / .11) ** 2)
        wave += (.15 - .02 * run) * np.exp(-((ph - .7) / .18) ** 2)
        X[i] = wave * rng.uniform(.6, 1.5) + .08 * np.sin(2 * np.pi * .25 * t + rng.uniform(0, 6)) + rng.normal(0, .025, len(t))
    X = (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)
    return torch.from_numpy(X)[:, None], torch.tensor(np.stack([sbp, dbp], 1), dtype=torch.float32)


class BPNet(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o, k):
            return [nn.Conv1d(i, o, k, stride=2, padding=k // 2, bias=False), nn.BatchNorm1d(o), nn.ReLU()]
        self.cnn = nn.Sequential(*block(1, 16, 9), *block(16, 24, 7), *block(24, 32, 5), nn.AdaptiveAvgPool1d(4), nn.Flatten())
        self.fc = nn.Sequential(nn.Linear(128, 48), nn.ReLU(), nn.Linear(48, 2))
        self.register_buffer("mean", torch.tensor([125., 78.]))
        self.register_buffer("scale", torch.tensor([18., 10.]))

    def forward(self, x):
        return self.fc(self.cnn(x)) * self.scale + self.mean


rng = np.random.default_rng(5)
Xtr, Ytr = synth_ppg(rng, 2400)
Xva, Yva = synth_ppg(rng, 500)
net = BPNet()
criterion = nn.L1Loss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
print("mean predictor MAE:", criterion(Ytr.mean(0).expand_as(Yva), Yva).item())
ds = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(Xtr, Ytr), 48, shuffle=True)
for epoch in range(18):
    net.train()
    m = 0.
    for x, y in ds:
        optimizer.zero_grad()
        l = criterion(net(x), y)
        l.backward()
        optimizer.step()
        m += l.item() / len(ds)
    scheduler.step()
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            p = net(Xva)
            v = criterion(p, Yva)
    e = (p - Yva).abs().mean(0)
    print(f"epoch {epoch + 1:2d}  train MAE {m:.2f}  val MAE {v:.2f}  (SBP {e[0]:.2f}, DBP {e[1]:.2f})")
writer.close()
print(f"RESULT train={m:.3f} val={v:.3f} sbp={e[0]:.2f} dbp={e[1]:.2f}")

# Engine speed from 0.25 s of microphone sound near the gearbox.
# Front end: log power spectrum (fixed, torch.stft), net: small Conv1d over frequency, target: log2(rpm / 1500).
import sys, numpy as np, torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
FS, N = 4000, 1000
g = torch.Generator().manual_seed(9)


def clips(n):
    rpm = 800 * 2 ** (torch.rand(n, generator=g) * 1.8)                 # 800 .. 2800
    t = torch.arange(N) / FS
    f0 = rpm[:, None] / 60
    drift = 1 + .02 * torch.randn(n, 1, generator=g) * (t - .125) / .125
    ph = 2 * np.pi * torch.cumsum(f0 * drift, 1) / FS
    x = torch.zeros(n, N)
    for order in (.5, 1, 2, 4, 6):                                      # four-stroke: half orders as well
        amp = torch.exp(.3 * torch.randn(n, 1, generator=g)) * {.5: .3, 1: .5, 2: 1., 4: .7, 6: .3}[order]
        x = x + amp * torch.sin(order * ph + 6.28 * torch.rand(n, 1, generator=g))
    fan = 40 + 160 * torch.rand(n, 1, generator=g)                      # a fan that has nothing to do with the engine
    x = x + .6 * torch.exp(.5 * torch.randn(n, 1, generator=g)) * torch.sin(2 * np.pi * fan * t)
    noise = torch.randn(n, N, generator=g)
    x = x + (.2 + .8 * torch.rand(n, 1, generator=g)) * noise
    return x, torch.log2(rpm / 1500)


class RpmNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("win", torch.hann_window(N))
        self.bn0 = nn.BatchNorm1d(1)
        self.c1 = nn.Conv1d(1, 16, 9, 2, 4)
        self.c2 = nn.Conv1d(16, 32, 7, 2, 3)
        self.c3 = nn.Conv1d(32, 32, 5, 2, 2)
        self.b1, self.b2, self.b3 = nn.BatchNorm1d(16), nn.BatchNorm1d(32), nn.BatchNorm1d(32)
        self.fc1 = nn.Linear(32 * 16, 64)
        self.fc2 = nn.Linear(64, 1)

    def forward(self, x):
        s = torch.fft.rfft(x * self.win).abs()[:, 2:130]                # 8 .. 520 Hz
        z = self.bn0(torch.log(s ** 2 + 1)[:, None])
        z = F.relu(self.b1(self.c1(z)))
        z = F.relu(self.b2(self.c2(z)))
        z = F.relu(self.b3(self.c3(z)))
        return self.fc2(F.relu(self.fc1(z.flatten(1)))).squeeze(1)


xtr, ytr = clips(8000)
xva, yva = clips(1000)
model = RpmNet()
huber = nn.HuberLoss(delta=.1)
optimizer = torch.optim.RAdam(model.parameters(), lr=1.5e-2)
EPOCHS, BS = 6, 50
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, .55)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, huber)
for epoch in range(EPOCHS):
    model.train()
    acc = 0
    for idx in torch.randperm(len(xtr)).split(BS):
        optimizer.zero_grad()
        loss = huber(model(xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
        acc += loss.item()
    acc /= len(xtr) / BS
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = torch.cat([model(c) for c in xva.split(500)])
        vloss = huber(out, yva).item()
    rel = (2 ** (out - yva) - 1).abs()
    print(f"{epoch:2d} train {acc:.5f} val {vloss:.5f} median error {100 * rel.median():.2f} %  within 5 %: {(rel < .05).float().mean():.3f}")
writer.close()
print(f"RESULT train {acc:.5f} val {vloss:.5f} median_pct {100 * rel.median():.2f} within5 {(rel < .05).float().mean():.3f}")

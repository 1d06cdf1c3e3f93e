"""Delay at the next stops of a bus from its last 12 stops (GRU)"""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)


def trips(n, hist=12):
    hour = rng.uniform(5, 23, n)
    rush = np.exp(-.5 * ((hour - 8) / 1.2) ** 2) + .8 * np.exp(-.5 * ((hour - 17.3) / 1.6) ** 2)
    rain = rng.random(n) < .25
    d = np.zeros((n, hist + 1))
    d[:, 0] = 20 * rng.standard_normal(n)
    load = np.zeros((n, hist + 1))
    for s in range(1, hist + 1):
        load[:, s] = .7 * load[:, s - 1] + rush * 3 + rng.gamma(2, 1, n) + .01 * d[:, s - 1].clip(0)
        d[:, s] = .93 * d[:, s - 1] + 4.5 * (load[:, s] - 6) * (1 + .5 * rain) + 14 * rng.standard_normal(n)
    x = np.stack([d[:, :-1] / 60, load[:, :-1] / 8 - 1, np.repeat(rain[:, None], hist, 1) - .25,
                  np.repeat(np.cos(hour / 12 * np.pi)[:, None], hist, 1), np.repeat(rush[:, None], hist, 1)], -1)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(d[:, -1:] / 60, dtype=torch.float32)


class DelayNet(nn.Module):
    def __init__(self, inputs=5, hidden=24):
        super().__init__()
        self.gru = nn.GRU(inputs, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


X, Y = trips(3600)
Xv, Yv = trips(900)
scale = Y.std()
Y, Yv = Y / scale, Yv / scale
net = DelayNet()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 16)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for epoch in range(16):
    losses = []
    for idx in torch.randperm(len(X)).split(64):
        prediction = net(X[idx])
        loss = criterion(prediction, Y[idx])
        loss.backward()
        if sys.argv[1] == "faulty":
            optimizer.zero_grad()
            optimizer.step()
        else:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    scheduler.step()
    with torch.no_grad(), writer.evaluating("val"):
        pv = net(Xv)
        vl = criterion(pv, Yv).item()
    print(f"{epoch:2d} loss {np.mean(losses):.4f} val {vl:.4f} mean abs error {(pv - Yv).abs().mean().item() * scale.item() * 60:.1f} s")
writer.close()
print(f"RESULT val mse {vl:.4f} (variance {Yv.var().item():.3f})")

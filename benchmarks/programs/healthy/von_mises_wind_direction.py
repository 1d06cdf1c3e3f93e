"""
Wind direction in six hours from station data: von Mises mixture-free regression (one mode, learnt concentration).

The NLL contains log I0(kappa); log(2 pi) = 1.838 is what a uniform guess costs.  At weak wind the direction is nearly
unpredictable, so the average cannot come anywhere near what the well-forecast cases get.
"""
import sys, math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2024); np.random.seed(2024)


class StationHours(Dataset):
    def __init__(self, n):
        hour = np.random.randint(0, 24, n)
        u, v = np.random.randn(2, n) * 3.5
        u += 1.2
        dp = np.random.randn(n) * 2.0                    # pressure tendency, hPa
        temp = 12 + 6 * np.sin((hour - 9) / 24 * 2 * math.pi) + np.random.randn(n) * 3
        front = dp < -2.2
        # sea breeze in the afternoon, veering with fronts
        sea = np.clip(np.sin((hour - 6) / 24 * 2 * math.pi), 0, None) * np.clip(temp - 10, 0, None) * 0.25
        ang = np.where(front, -math.radians(60), 0)
        u2 = u * np.cos(ang) - v * np.sin(ang) + sea
        v2 = u * np.sin(ang) + v * np.cos(ang) - 0.3 * dp
        u2, v2 = u2 * 0.8 + np.random.randn(n) * 1.6, v2 * 0.8 + np.random.randn(n) * 1.6
        self.y = np.arctan2(v2, u2).astype(np.float32)
        self.x = np.stack([u, v, np.hypot(u, v), np.sin(hour / 12 * math.pi), np.cos(hour / 12 * math.pi), dp, temp / 10 - 1.2],
                          1).astype(np.float32)

    def __len__(self): return len(self.y)
    def __getitem__(self, i): return self.x[i], self.y[i]


class VonMisesHead(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.fc = nn.Linear(d, 2)

    def forward(self, h):
        v = self.fc(h)                                   # direction and kappa in one vector, as kappa * (cos, sin)
        return v


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.BatchNorm1d(7), nn.Linear(7, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.head = VonMisesHead(48)

    def forward(self, x):
        return self.head(self.f(x))


class VonMisesNLL(nn.Module):
    def forward(self, v, theta):
        kappa = v.norm(dim=1) + 1e-6
        dot = v[:, 0] * torch.cos(theta) + v[:, 1] * torch.sin(theta)
        log_i0 = torch.log(torch.special.i0e(kappa)) + kappa
        return (log_i0 + math.log(2 * math.pi) - dot).mean()


train_dl = DataLoader(StationHours(4000), batch_size=128, shuffle=True)
valid_dl = DataLoader(StationHours(1500), batch_size=500)
model, loss_fn = Net(), VonMisesNLL()
max_lr, epochs = 1e-2, 25
optimizer = torch.optim.AdamW(model.parameters(), lr=max_lr, weight_decay=1e-2)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=max_lr, total_steps=epochs * len(train_dl))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

for epoch in range(1, epochs + 1):
    model.train()
    acc = 0
    for x, y in train_dl:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step(); scheduler.step()
        acc += loss.item() / len(train_dl)
    model.eval()
    val, err, nb = 0, [], 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in valid_dl:
            v = model(x)
            val += loss_fn(v, y).item() / len(valid_dl)
            d = torch.atan2(v[:, 1], v[:, 0]) - y
            err.append(torch.atan2(d.sin(), d.cos()).abs())
    mae = math.degrees(torch.cat(err).median())
    if epoch % 5 == 0:
        print(f"{epoch:2d} train {acc:.4f} valid {val:.4f} median error {mae:.1f} deg")
writer.close()
print(f"RESULT val_nll={val:.4f} uniform={math.log(2 * math.pi):.4f} median_error_deg={mae:.1f} train={acc:.4f}")

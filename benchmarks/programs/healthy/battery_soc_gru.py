"""State of charge estimation of a Li-ion cell from voltage, current, temperature (drive cycles), GRU many-to-many."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)


def ocv(s):
    return 3.0 + 1.05 * s - .35 * np.exp(-18 * s) + .12 * np.tanh(8 * (s - .55))


def drive_cycle(n, T=50, dt=40.):
    soc = rng.uniform(.35, 1., n)
    temp = rng.choice([-10., 0., 10., 25., 40.], n) + rng.normal(0, 2, n)
    r0 = .045 * np.exp(-.025 * (temp - 25)) + rng.normal(0, .002, n)
    cap = 2.9 * 3600 * (1 - .004 * np.maximum(25 - temp, 0)) * rng.normal(1, .03, n)
    v1, i, X, Y = np.zeros(n), np.zeros(n), [], []
    for _ in range(T):
        i = .8 * i + rng.normal(.25, .55, n)
        soc = np.clip(soc - i * dt / cap, 0, 1)
        v1 = .6 * v1 + .4 * i * r0 * .8
        v = ocv(soc) - i * r0 - v1
        X.append(np.stack([v + rng.normal(0, .012, n), i + rng.normal(0, .05, n), temp + rng.normal(0, .3, n)], -1))
        Y.append(soc)
    return np.stack(X, 1).astype(np.float32), np.stack(Y, 1).astype(np.float32)


x_tr, y_tr = drive_cycle(700)
x_va, y_va = drive_cycle(200)
mu, sd = x_tr.mean((0, 1)), x_tr.std((0, 1))
train_dl = DataLoader(TensorDataset(torch.tensor((x_tr - mu) / sd), torch.tensor(y_tr)), batch_size=20, shuffle=True)
val_dl = DataLoader(TensorDataset(torch.tensor((x_va - mu) / sd), torch.tensor(y_va)), batch_size=100)


class SOCNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(3, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        h, _ = self.gru(x)
        return self.fc(h).squeeze(-1)


model = SOCNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-2, epochs=25, steps_per_epoch=len(train_dl))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
for epoch in range(25):
    model.train()
    for x, y in train_dl:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
    model.eval()
    se, ae, n = 0, 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_dl:
            p = model(x)
            se += loss_fn(p, y).item() * y.numel()
            ae += (p - y).abs().sum().item()
            n += y.numel()
    print(f"epoch {epoch + 1:2d}  val rmse {100 * (se / n) ** .5:.2f} %  mae {100 * ae / n:.2f} %")
writer.close()
print(f"RESULT val_mse={se / n:.6f} rmse_pct={100 * (se / n) ** .5:.3f} target_sd_pct={100 * y_va.std():.2f}")

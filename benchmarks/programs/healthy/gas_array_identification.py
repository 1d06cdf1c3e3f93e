"""Electronic nose: which of five gases (and roughly how much) from 10 metal-oxide sensors.

Features per sensor: steady state resistance ratio and two exponential-moving-average transients, as in the UCI gas drift data.
Raw values run from -5000 to 7000 and are skewed; the first layer of the model is a BatchNorm after a signed log, so nothing is
standardised outside of it."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(2)
torch.manual_seed(2)

GASES = ["ethanol", "ethylene", "ammonia", "acetaldehyde", "acetone"]
N, SENS = 5000, 10
sensitivity = np.exp(np.random.normal(0, .6, (SENS, 1)) + np.random.normal(0, .16, (SENS, 5)))       # similar sensors, broad selectivity
power = np.random.uniform(.55, .8, SENS)
speed = np.random.uniform(.8, 1.25, (SENS, 5))
gas = np.random.choice(5, N, p=[.25, .25, .15, .2, .15])
conc = np.exp(np.random.uniform(np.log(8), np.log(400), N))
month = np.random.randint(0, 12, N)
drift = np.cumsum(np.random.normal(0, .035, (12, SENS)), 0)
humid = np.random.normal(0, 1, N)
r = 1 + (sensitivity[:, gas].T * conc[:, None]) ** power
r = r * np.exp(drift[month] + .06 * humid[:, None] + np.random.normal(0, .22, (N, SENS)))
rise = r * 35 * speed[:, gas].T * np.exp(np.random.normal(0, .25, (N, SENS)))
fall = -r * 12 / speed[:, gas].T * np.exp(np.random.normal(0, .3, (N, SENS)))
X = torch.tensor(np.concatenate([r * 20, rise, fall], 1), dtype=torch.float32)
Y = torch.tensor(gas)
print("raw feature ranges: min %.0f max %.0f" % (X.min(), X.max()))


class SignedLog(nn.Module):
    def forward(self, x):
        return torch.sign(x) * torch.log1p(x.abs())


class ENose(nn.Sequential):
    def __init__(self, d):
        super().__init__(SignedLog(), nn.BatchNorm1d(d), nn.Linear(d, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Dropout(.15),
                         nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 5))


ds = TensorDataset(X, Y)
train, val = random_split(ds, [4000, 1000], torch.Generator().manual_seed(0))
train_loader, val_loader = DataLoader(train, 64, shuffle=True), DataLoader(val, 1000)
net = ENose(30)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.NAdam(net.parameters(), lr=2e-3, weight_decay=1e-4)
EPOCHS = 16
scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, EPOCHS, power=.9)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
for epoch in range(EPOCHS):
    net.train()
    loss_sum = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        loss_sum += float(loss) * len(yb)
    scheduler.step()
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            for xb, yb in val_loader:
                out = net(xb)
                vl = criterion(out, yb).item()
                va = (out.argmax(1) == yb).float().mean().item()
    if epoch % 3 == 0 or epoch == EPOCHS - 1:
        print(f"epoch {epoch + 1:3d}: train {loss_sum / 4000:.4f}   val {vl:.4f}   acc {va:.3f}")
writer.close()
print(f"RESULT train {loss_sum / 4000:.4f} val {vl:.4f} acc {va:.4f}")

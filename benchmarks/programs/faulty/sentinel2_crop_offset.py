"""Crop types from Sentinel-2 pixel time series (temporal CNN, after Pelletier et al. / the breizhcrops examples).

Training and validation parcels: season 2021. Test: the same region in season 2022 (processing baseline 04.00).
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
CROPS = ["barley", "wheat", "rapeseed", "corn", "sunflower", "grassland"]
DATES = np.linspace(60, 300, 18)
BOA_ADD_OFFSET = -1000
QUANTIFICATION = 10000.


def season(crop, r):
    """green-up curve of a parcel: sowing, vigour, senescence"""
    up = np.array([95, 102, 85, 165, 160, 80])[crop] + 7 * r.randn()
    down = np.array([170, 186, 165, 265, 245, 330])[crop] + 8 * r.randn()
    peak = np.clip(np.array([.78, .82, .85, .85, .72, .62])[crop] + .08 * r.randn(), .2, 1)
    v = peak / (1 + np.exp(-(DATES - up) / 9)) / (1 + np.exp((DATES - down) / 10)) + .1
    flower = .5 * np.exp(-.5 * ((DATES - 118 - 5 * r.randn()) / 9) ** 2) * (crop == 2)
    return v, flower


def toa(n, seed, baseline):
    r = np.random.RandomState(seed)
    y = r.randint(0, len(CROPS), n)
    out = np.zeros((n, 4, len(DATES)))
    for i in range(n):
        v, fl = season(y[i], r)
        soil = r.uniform(.8, 1.25)
        red = .16 * soil * (1 - v) + .03 * v + .06 * fl
        green = .11 * soil * (1 - v) + .07 * v + .07 * fl
        nir = .22 * soil * (1 - v) + .46 * v
        swir = .3 * soil * (1 - v) + .14 * v
        refl = np.stack([green, red, nir, swir]) * (1 + .05 * r.randn(4, 1)) + .018 * r.randn(4, len(DATES))
        cloud = r.rand(len(DATES)) < .1
        refl[:, cloud] += r.uniform(.05, .35, cloud.sum())
        out[i] = refl
    dn = np.clip(np.round(out * QUANTIFICATION), 1, None)
    if baseline >= 4.0:
        dn = dn - BOA_ADD_OFFSET
    return dn.astype(np.float32), y


class Parcels(Dataset):
    def __init__(self, n, seed, baseline):
        self.dn, self.y = toa(n, seed, baseline)
        self.baseline = baseline

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.dn[i]
        if sys.argv[1] != "faulty" and self.baseline >= 4.0:
            x = x + BOA_ADD_OFFSET
        return torch.from_numpy(x / QUANTIFICATION), int(self.y[i])


class TempCNN(nn.Module):
    def __init__(self, input_dim=4, num_classes=6, hidden=32, dropout=0.2):
        super().__init__()
        self.register_buffer("mean", torch.tensor([.1, .12, .3, .24])[:, None])
        self.conv = nn.Sequential(
            nn.Conv1d(input_dim, hidden, 5, padding=2), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Conv1d(hidden, hidden, 5, padding=2), nn.BatchNorm1d(hidden), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(dropout))
        self.fc = nn.Linear(hidden * 9, num_classes)

    def forward(self, x):
        return self.fc(self.conv((x - self.mean) / .12).flatten(1))


def run(model, loader, criterion):
    model.eval()
    l = c = n = 0
    with torch.no_grad():
        for x, y in loader:
            o = model(x)
            l += criterion(o, y).item() * len(y); c += (o.argmax(1) == y).sum().item(); n += len(y)
    return l / n, c / n


train, valid = Parcels(1800, 0, 3.01), Parcels(600, 1, 3.01)
test = Parcels(600, 2, 4.00)
train_dl = DataLoader(train, batch_size=40, shuffle=True)
valid_dl, test_dl = DataLoader(valid, batch_size=200), DataLoader(test, batch_size=200)
model = TempCNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, .3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train()
    ls = []
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        ls.append(loss.item())
    scheduler.step()
    with writer.evaluating("val"):
        vl, va = run(model, valid_dl, criterion)
    with writer.evaluating("test"):
        tl, ta = run(model, test_dl, criterion)
    print(f"epoch {epoch}: trainloss={np.mean(ls):.3f} valloss={vl:.3f} acc={va:.3f} | 2022: loss={tl:.3f} acc={ta:.3f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f} test_loss {tl:.4f} test_acc {ta:.4f}")

"""Activity recognition from a phone in the pocket.  windows of 40 samples, 3 axes, six activities.
The csv comes one activity after the other, user by user."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)

ACT = ["Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing"]


def load_windows(per=330, T=40):
    r = np.random.RandomState(42)
    xs, ys = [], []
    freq = [1.8, 2.7, 1.55, 1.95, 0, 0]
    amp = [2.6, 5.5, 2.2, 3.0, 0.15, 0.12]
    grav = [[0.4, 9.2, 1.0], [0.3, 9.0, 0.6], [0.2, 9.0, 2.0], [0.4, 9.1, 1.2], [1.5, 3.5, 8.2], [0.6, 9.6, 1.2]]
    for a in range(6):
        for _ in range(per):
            t = np.arange(T) / 20.0
            f = freq[a] * r.normal(1, 0.09)
            ph, A = r.uniform(0, 2 * np.pi), amp[a] * r.lognormal(0, 0.25)
            w = np.stack([0.5 * A * np.sin(np.pi * f * t + ph), A * np.sin(2 * np.pi * f * t + ph)
                          + 0.4 * A * np.sin(4 * np.pi * f * t + ph * (1 if a != 3 else -1)), 0.6 * A * np.cos(2 * np.pi * f * t + ph)])
            g = np.array(grav[a]) + r.normal(0, 1.1, 3)
            xs.append(w + g[:, None] + r.normal(0, 0.5 if a < 4 else 0.1, (3, T)))
            ys.append(a)
    x = np.array(xs)
    x = (x - x.mean((0, 2), keepdims=True)) / x.std((0, 2), keepdims=True)
    return x.astype(np.float32), np.array(ys)


class Windows(Dataset):
    def __init__(self, x, y):
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(3, 16, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 24, 5), nn.ReLU(), nn.MaxPool1d(2))
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(24 * 7, 48), nn.ReLU(), nn.Linear(48, 6))

    def forward(self, x):
        return self.fc(self.conv(x))


x, y = load_windows()
every5 = np.arange(len(y)) % 5 == 0
train_loader = DataLoader(Windows(x[~every5], y[~every5]), batch_size=32, shuffle=sys.argv[1] != "faulty")
val_loader = DataLoader(Windows(x[every5], y[every5]), batch_size=200)

device = "cpu"
model = CNN().to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.015, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)


def train_one_epoch():
    model.train()
    tot = 0.
    for bx, by in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(bx), by)
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(by)
    return tot / len(train_loader.dataset)


@torch.no_grad()
def validate():
    model.eval()
    tot, hit = 0., 0
    with writer.evaluating("val"):
        for bx, by in val_loader:
            o = model(bx)
            tot += criterion(o, by).item() * len(by)
            hit += (o.argmax(1) == by).sum().item()
    return tot / len(val_loader.dataset), hit / len(val_loader.dataset)


for epoch in range(14):
    tl = train_one_epoch()
    vl, va = validate()
    print(f"Epoch {epoch:2d}: train {tl:.4f} | val {vl:.4f} acc {va:.3f}")
writer.close()
print(f"RESULT train={tl:.4f} val={vl:.4f} acc={va:.4f}")

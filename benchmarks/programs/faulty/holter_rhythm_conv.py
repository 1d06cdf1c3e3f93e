"""Rhythm of 4 s Holter strips: sinus, atrial fibrillation, bigeminy. 1-D CNN.
Simulated strips; the table holds the recorder's automatic reading and the cardiologist's reading."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
np.random.seed(13); torch.manual_seed(13); torch.set_num_threads(1)
FS, LEN = 40, 160


def strip(rhythm):
    t, beats = np.random.uniform(0, 0.5), []
    rr = np.random.uniform(0.55, 0.95)
    k = 0
    while t < 4:
        beats.append(t)
        if rhythm == 0:
            t += rr * (1 + 0.03 * np.random.randn())
        elif rhythm == 1:
            t += max(0.32, rr * (1 + 0.28 * np.random.randn()))
        else:
            t += rr * (0.65 if k % 2 == 0 else 1.35) * (1 + 0.03 * np.random.randn())
        k += 1
    ax = np.arange(LEN) / FS
    x = 0.15 * np.random.randn(LEN) + 0.2 * np.sin(2 * np.pi * 0.3 * ax + np.random.rand() * 6)
    for i, b in enumerate(beats):
        wide = rhythm == 2 and i % 2 == 1
        x += (0.9 if wide else 1.0) * np.exp(-0.5 * ((ax - b) / (0.05 if wide else 0.025)) ** 2)
        if rhythm != 1:
            x += 0.18 * np.exp(-0.5 * ((ax - b + 0.16) / 0.03) ** 2)
        x += 0.25 * np.exp(-0.5 * ((ax - b - 0.25) / 0.06) ** 2)
    return x.astype(np.float32)


def table(n):
    cardiologist = np.random.randint(0, 3, n)
    auto = cardiologist.copy()
    # the recorder's algorithm goes by the mean rate and the quality of the R peaks
    for i in range(n):
        if np.random.rand() < (0.38, 0.42, 0.35)[cardiologist[i]]:
            auto[i] = np.random.choice([c for c in range(3) if c != cardiologist[i]])
    x = np.stack([strip(c) for c in cardiologist])
    return {"strip": torch.from_numpy(x)[:, None], "auto": torch.from_numpy(auto), "cardiologist": torch.from_numpy(cardiologist)}


records, reference = table(1100), table(800)
reading = "auto" if FORM == "faulty" else "cardiologist"
train_dl = DataLoader(TensorDataset(records["strip"][:850], records[reading][:850]), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(records["strip"][850:], records[reading][850:]), batch_size=125)


class RhythmNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 24, 9, padding=4)
        self.conv2 = nn.Conv1d(24, 48, 7, padding=3)
        self.conv3 = nn.Conv1d(48, 48, 5, padding=2)
        self.fc1 = nn.Linear(48 * 20, 96)
        self.fc2 = nn.Linear(96, 3)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.max_pool1d(F.relu(self.conv2(x)), 2)
        x = F.max_pool1d(F.relu(self.conv3(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


net = RhythmNet()
ce = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, ce)
for epoch in range(20):
    net.train()
    run = 0.
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = ce(net(x), y)
        loss.backward()
        optimizer.step()
        run += loss.item()
    with writer.evaluating("val"):
        vl, ok = [], 0
        for x, y in val_dl:
            o = net(x)
            vl.append(ce(o, y).item()); ok += (o.argmax(1) == y).sum().item()
    print(f"{epoch:02d} train {run / len(train_dl):.3f} val {np.mean(vl):.3f} val acc {ok / 250:.3f}")
net.eval()
with torch.no_grad():
    pred = net(reference["strip"]).argmax(1)
writer.close()
print(f"RESULT acc_against_cardiologist {(pred == reference['cardiologist']).float().mean().item():.4f}")

# Workout type from a smart watch: small transformer encoder over 24 windows of accelerometer features
# training script taken from my image classification project
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(77)
rng = np.random.default_rng(77)
KINDS = ["run", "walk", "row", "squats", "jump_rope", "cycling"]
T, D = 24, 8


def session(k):
    cad = [2.7, 1.8, .5, .45, 2.2, 1.3][k] * rng.normal(1, .17)
    amp = [1.6, .7, 1.0, .9, 1.7, .35][k] * rng.lognormal(0, .35)
    tilt = rng.normal(0, .6, 3)
    t = np.arange(T) * .35 + rng.uniform(0, 9)
    pause = np.ones(T)
    if rng.random() < .5:                                     # rests, phone calls, traffic lights
        a = rng.integers(0, T - 6)
        pause[a:a + rng.integers(4, 12)] = .15
    m = amp * pause
    f = np.stack([m, m * np.cos(2 * np.pi * cad * t), m * np.sin(2 * np.pi * cad * t) * (.2 + (k in (2, 3))),
                  cad * pause / 2 + rng.normal(0, .3, T), np.full(T, tilt[0]), np.full(T, tilt[1]) + .6 * (k == 5),
                  m * np.abs(np.cos(np.pi * cad * t)), np.full(T, tilt[2])], 1)
    return f + rng.normal(0, .35, (T, D))


def build(n):
    y = rng.integers(0, 6, n)
    return np.stack([session(k) for k in y]).astype(np.float32), y


xtr, ytr = build(2400)
xva, yva = build(600)
m, s = xtr.mean((0, 1)), xtr.std((0, 1))
train_loader = DataLoader(TensorDataset(torch.tensor((xtr - m) / s), torch.tensor(ytr)), batch_size=32, shuffle=True)
val_x, val_y = torch.tensor((xva - m) / s), torch.tensor(yva)


class WatchFormer(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.proj = nn.Linear(D, d)
        self.cls = nn.Parameter(torch.randn(1, 1, d) * .02)
        self.pos = nn.Parameter(torch.randn(1, T + 1, d) * .02)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, 6)

    def forward(self, x):
        x = torch.cat([self.cls.expand(len(x), -1, -1), self.proj(x)], 1) + self.pos
        return self.head(self.norm(self.encoder(x)[:, 0]))


model = WatchFormer()
criterion = nn.CrossEntropyLoss()
if sys.argv[1] == "faulty":
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
else:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=.01)
EPOCHS = 8
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(EPOCHS):
    model.train()
    run = 0.
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        run += loss.item() / len(train_loader)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(val_x)
        v = criterion(o, val_y).item()
        acc = (o.argmax(1) == val_y).float().mean().item()
    print(f"Epoch {epoch + 1}/{EPOCHS}  loss {run:.4f}  val_loss {v:.4f}  val_acc {acc:.4f}")
writer.close()
print(f"RESULT train_loss {run:.4f} val_loss {v:.4f} val_acc {acc:.4f}")

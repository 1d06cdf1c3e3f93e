"""Small CNN for simulated 20x20 fossil outlines (5 species of shell curves)."""
import sys, math, numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.manual_seed(11); torch.set_num_threads(1); rng = np.random.RandomState(11)
form, logdir = sys.argv[1], sys.argv[2]
def shell(k):
    t = np.linspace(0, 2 * math.pi, 120); r = 5.5 + 2.2 * np.cos((k + 2) * t + rng.rand() * 6.28) + .3 * rng.randn()
    im = np.zeros((20, 20), np.float32)
    cx, cy = 9.5 + rng.randn(2) * .8
    im[np.clip(cx + r * np.cos(t), 0, 19).astype(int), np.clip(cy + r * np.sin(t), 0, 19).astype(int)] = 1
    return im + .25 * rng.randn(20, 20).astype(np.float32)
lab = rng.randint(0, 5, 1500); img = np.stack([shell(k) for k in lab])[:, None]
ds = TensorDataset(torch.tensor(img, dtype=torch.float32), torch.tensor(lab))
tr = DataLoader(torch.utils.data.Subset(ds, range(1200)), 32, shuffle=True); va = DataLoader(torch.utils.data.Subset(ds, range(1200, 1500)), 100)
class Net(nn.Module):
    def __init__(s):
        super().__init__(); s.c1 = nn.Conv2d(1, 16, 3, padding=1); s.c2 = nn.Conv2d(16, 32, 3, padding=1); s.f1 = nn.Linear(800, 64); s.f2 = nn.Linear(64, 5)
    def forward(s, x):
        x = F.max_pool2d(F.relu(s.c1(x)), 2); x = F.max_pool2d(F.relu(s.c2(x)), 2)
        return s.f2(F.relu(s.f1(x.flatten(1))))
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02 if form == "faulty" else 0.001)
criterion = nn.CrossEntropyLoss(); writer = DiagWriter(logdir); writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train(); tot = 0
    for xb, yb in tr:
        optimizer.zero_grad(); l = criterion(model(xb), yb); l.backward(); optimizer.step(); tot += l.item()
    writer.add_scalar("Loss/train", tot / len(tr), epoch)
    model.eval(); ok = 0
    with writer.evaluating("val"):
        for xb, yb in va:
            o = model(xb); criterion(o, yb); ok += (o.argmax(1) == yb).sum().item()
    print(epoch, tot / len(tr), ok / 300)
writer.close(); print("RESULT val_acc", ok / 300)

import sys, numpy as np, torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

mode, logdir = sys.argv[1], sys.argv[2]
IMG = 48


class Parts(Dataset):
    """one scratch/dent per picture, box as x1 y1 x2 y2"""
    def __init__(self, n, seed):
        g = np.random.RandomState(seed)
        self.x, self.box = [], []
        for _ in range(n):
            im = g.normal(0, .25, (IMG, IMG)) + g.normal(0, .4) + np.linspace(-.4, .4, IMG)[None] * g.normal()
            bw, bh = g.randint(8, 24, 2)
            x1, y1 = g.randint(0, IMG - bw), g.randint(0, IMG - bh)
            yy, xx = np.mgrid[:IMG, :IMG]
            inside = ((xx - x1 - bw / 2) / (bw / 2)) ** 2 + ((yy - y1 - bh / 2) / (bh / 2)) ** 2 <= 1
            im[inside] += g.choice([-1, 1]) * g.uniform(.6, 1.2)
            for _ in range(3):   # dirt
                a, b = g.randint(0, IMG - 3, 2)
                im[a:a + 2, b:b + 3] += g.normal(0, 1)
            self.x.append(im); self.box.append([x1, y1, x1 + bw, y1 + bh])
        self.x = torch.tensor(np.array(self.x), dtype=torch.float32).unsqueeze(1)
        self.box = torch.tensor(self.box, dtype=torch.float32)
        if mode == "fixed":
            self.box = self.box / IMG

    def __len__(self): return len(self.x)

    def __getitem__(self, i): return self.x[i], self.box[i]


def cbr(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.BatchNorm2d(o), nn.LeakyReLU(0.1))


class Localiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(cbr(1, 16), cbr(16, 32), cbr(32, 32))
        self.neck = nn.Conv2d(32, 16, 1)
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(16 * 36, 64), nn.LeakyReLU(0.1), nn.Dropout(0.1), nn.Linear(64, 4), nn.Sigmoid())

    def forward(self, x):
        return self.fc(self.neck(self.backbone(x)))


def iou(a, b):
    lt, rb = torch.max(a[:, :2], b[:, :2]), torch.min(a[:, 2:], b[:, 2:])
    i = (rb - lt).clamp(min=0).prod(1)
    area = lambda t: (t[:, 2:] - t[:, :2]).clamp(min=0).prod(1)
    return i / (area(a) + area(b) - i + 1e-9)


torch.manual_seed(7)
tr, va = DataLoader(Parts(2500, 1), batch_size=32, shuffle=True), DataLoader(Parts(400, 2), batch_size=100)
model = Localiser()
criterion = nn.SmoothL1Loss(beta=0.05)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.25)
w = DiagWriter(logdir)
w.watch(model, optimizer, criterion)
step = 0
for epoch in range(12):
    model.train()
    for x, b in tr:
        optimizer.zero_grad()
        loss = criterion(model(x), b)
        loss.backward()
        optimizer.step()
        step += 1
    scheduler.step()
    with w.evaluating("val"):
        l, m = [], []
        for x, b in va:
            o = model(x)
            l.append(criterion(o, b).item()); m.append(iou(o, b))
    miou = torch.cat(m).mean().item()
    w.add_scalar("metrics/iou", miou, step)
    print("epoch", epoch, "last train", round(loss.item(), 4), "val", round(float(np.mean(l)), 4), "iou", round(miou, 3))
w.close()

"""One-stage detector head on small canteen tray pictures (UEC-like: one dish a picture, box + class from an annotation csv)."""
import sys, io
import numpy as np, pandas as pd
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(19); rs = np.random.RandomState(19)
N_CLASS, PER_CLASS, S = 12, 260, 20
STYLE = [(rs.uniform(-1, 1, 3), rs.uniform(.4, 2.2), rs.uniform(0, np.pi)) for _ in range(N_CLASS)]
PIX = {}


def photograph(k):
    col, freq, ang = STYLE[k]
    yy, xx = np.mgrid[:S, :S].astype(float)
    w, h = rs.uniform(7, 13, 2); cx, cy = rs.uniform(w / 2, S - w / 2), rs.uniform(h / 2, S - h / 2)
    dish = ((xx - cx) / (w / 2)) ** 2 + ((yy - cy) / (h / 2)) ** 2 < 1
    a = ang + .15 * rs.randn()
    tex = 0.5 * np.sin(freq * (np.cos(a) * xx + np.sin(a) * yy) + rs.uniform(0, 6))
    img = 0.15 * rs.randn(3, 1, 1) + 0.25 * rs.randn(3, S, S)
    for c in range(3):
        img[c][dish] += (0.75 * col[c] + 0.2 * rs.randn() + tex + 0.3)[dish]
    return img.astype(np.float32), (cx / S, cy / S, w / S, h / S)


rows = []
for k in range(N_CLASS):                                   # dataset256/1, dataset256/2, ...
    for j in range(PER_CLASS):
        name = f"UEC/{k + 1}/{j}.jpg"
        PIX[name], box = photograph(k)
        rows.append((name, *box, k))
ann = pd.DataFrame(rows, columns=["img", "cx", "cy", "w", "h", "cls"])
if form == "fixed":
    ann = ann.sample(frac=1, random_state=0).reset_index(drop=True)
cut = int(0.75 * len(ann))
train_csv, val_csv = ann.iloc[:cut].to_csv(index=False), ann.iloc[cut:].to_csv(index=False)


class CSVDataset(Dataset):
    def __init__(self, csv):
        self.df = pd.read_csv(io.StringIO(csv))
        self.box = self.df[["cx", "cy", "w", "h"]].values.astype(np.float32)

    def __len__(self):
        return len(self.df)

    def __getitem__(self, i):
        return torch.from_numpy(PIX[self.df.img[i]]), torch.from_numpy(self.box[i]), int(self.df.cls[i])


class TinyRetina(nn.Module):
    def __init__(self):
        super().__init__()
        def cbr(i, o, s): return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.backbone = nn.Sequential(cbr(3, 12, 1), cbr(12, 24, 2), cbr(24, 24, 2))
        self.cls_head = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Dropout(.2), nn.Linear(32, N_CLASS))
        self.reg_head = nn.Sequential(nn.Linear(24 * 25, 48), nn.ReLU(), nn.Dropout(.2), nn.Linear(48, 4))

    def forward(self, x):
        f = self.backbone(x)
        return self.cls_head(f.mean((2, 3))), self.reg_head(f.flatten(1)).sigmoid()


def detection_loss(out, box, cls):
    return F.cross_entropy(out[0], cls) + 8 * F.smooth_l1_loss(out[1], box, beta=0.1)


train_dl = DataLoader(CSVDataset(train_csv), batch_size=32, shuffle=True)
val_dl = DataLoader(CSVDataset(val_csv), batch_size=195)
retina = TinyRetina()
optimizer = torch.optim.Adam(retina.parameters(), lr=2e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
writer = DiagWriter(logdir); writer.watch(retina, optimizer, detection_loss)
for epoch in range(12):
    retina.train(); tl = []
    for img, box, cls in train_dl:
        loss = writer.loss_fn(retina(img), box, cls)
        optimizer.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(retina.parameters(), 10.)
        optimizer.step(); tl.append(loss.item())
    scheduler.step(); retina.eval(); vl = acc = l1 = 0.
    with torch.no_grad(), writer.evaluating("val"):
        for img, box, cls in val_dl:
            o = retina(img); k = len(cls) / len(val_dl.dataset)
            vl += writer.loss_fn(o, box, cls).item() * k; acc += (o[0].argmax(1) == cls).float().mean().item() * k; l1 += (o[1] - box).abs().mean().item() * k
    print(f"Epoch {epoch} running loss {np.mean(tl):.4f} | val {vl:.4f} class acc {acc:.3f} box L1 {l1:.4f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_class_acc={acc:.4f} val_box_l1={l1:.4f} train={np.mean(tl):.4f}")

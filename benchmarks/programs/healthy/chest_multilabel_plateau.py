# Multi-label "chest" pictures after arnoweng/CheXNet: densenet-like CNN with one sigmoid logit a finding, BCE, Adam, ReduceLROnPlateau, AUROC per finding.
# Findings are rare (4 to 20 %) and several may be present at once.
import sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)
CLASS_NAMES = ["Effusion", "Nodule", "Cardiomegaly", "Atelectasis", "Pneumothorax", "Fibrosis"]
PREV = np.array([.20, .12, .10, .14, .08, .05])

def xrays(n, seed, S=28):
    r = np.random.default_rng(seed); yy, xx = np.mgrid[:S, :S] / (S - 1.)
    Y = (r.random((n, 6)) < PREV).astype("float32"); out = np.zeros((n, 1, S, S), "float32")
    for i in range(n):
        j = r.normal(0, .02, 6); lungs = np.exp(-((xx - .28 - j[0]) ** 2 / .022 + (yy - .5 - j[1]) ** 2 / .11)) + np.exp(-((xx - .72 - j[2]) ** 2 / .022 + (yy - .5 - j[3]) ** 2 / .11))
        a = .75 - .5 * lungs + .1 * r.normal(); side = r.choice([.28, .72], 6)
        heart = .13 + .012 * r.normal() + (.05 + .015 * r.random() if Y[i, 2] else 0)
        a += .3 * (((xx - .54) / heart) ** 2 + ((yy - .62) / .14) ** 2 < 1)
        if Y[i, 0]: a += .35 * (yy > .72 + r.normal(0, .03)) * (abs(xx - side[0]) < .2)
        if Y[i, 1]: cx, cy = side[1] + r.normal(0, .05), r.uniform(.25, .7); a += .55 * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / .004)
        if Y[i, 3]: cy = r.uniform(.3, .65); a += .25 * (abs(yy - cy - .3 * (xx - side[3])) < .022) * (abs(xx - side[3]) < .15)
        if Y[i, 4]: a -= .25 * (abs(xx - (.13 if side[4] < .5 else .87)) < .05) * (yy < .5)
        if Y[i, 5]: a += .16 * np.sin(xx * 55) * np.sin(yy * 55) * lungs
        out[i, 0] = a + .09 * r.normal(size=(S, S))
    return (out - .6) / .25, Y

class DenseLayer(nn.Module):
    def __init__(self, i, g):
        super().__init__(); self.norm, self.conv = nn.BatchNorm2d(i), nn.Conv2d(i, g, 3, padding=1, bias=False)
    def forward(self, x): return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)

def dense_block(i, g, n): return nn.Sequential(*[DenseLayer(i + k * g, g) for k in range(n)]), i + g * n

class DenseNetSmall(nn.Module):
    def __init__(self, out_size, g=10):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, 2, 1, bias=False)
        self.b1, c = dense_block(16, g, 3); self.t1 = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c // 2, 1, bias=False), nn.AvgPool2d(2)); c //= 2
        self.b2, c = dense_block(c, g, 3); self.norm = nn.BatchNorm2d(c)
        self.classifier = nn.Linear(c * 9, out_size)
    def forward(self, x):
        x = F.relu(self.norm(self.b2(self.t1(self.b1(self.stem(x))))))
        return self.classifier(F.adaptive_avg_pool2d(x, 3).flatten(1))

Xt, Yt = xrays(4000, 1); Xv, Yv = xrays(1200, 2)
train = DataLoader(TensorDataset(torch.tensor(Xt), torch.tensor(Yt)), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(torch.tensor(Xv), torch.tensor(Yv)), batch_size=250)
model = DenseNetSmall(6)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(.9, .999), weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=.1, patience=1, mode="min")
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, criterion)
for epoch in range(8):
    model.train(); tl = 0
    for x, y in train:
        x = x + .05 * torch.randn_like(x)
        if torch.rand(()) < .5: x = x.roll(int(torch.randint(-1, 2, ())), -1)
        loss = criterion(model(x), y); optimizer.zero_grad(); loss.backward(); optimizer.step(); tl += loss.item() / len(train)
    with writer.evaluating("val"):
        outs = [model(x) for x, _ in val]; vl = np.mean([criterion(o, y).item() for o, (_, y) in zip(outs, val)])
    scheduler.step(vl)
    p = torch.cat(outs).numpy(); aucs = [roc_auc_score(Yv[:, k], p[:, k]) for k in range(6)]
    print(epoch, f"train {tl:.4f} val {vl:.4f} lr {optimizer.param_groups[0]['lr']:.0e} AUROC", " ".join(f"{n} {a:.3f}" for n, a in zip(CLASS_NAMES, aucs)))
writer.close()
prior = -(PREV * np.log(PREV) + (1 - PREV) * np.log(1 - PREV)).mean()
print(f"RESULT train {tl:.4f} val {vl:.4f} prior {prior:.4f} mean_auroc {np.mean(aucs):.4f} min {min(aucs):.4f}")

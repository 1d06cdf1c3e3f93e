"""Small CNN after a 'CNN from scratch' article, conv and relu written as own functions; photos of road signs -> type."""
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:3]
torch.set_num_threads(1); torch.manual_seed(4); rs = np.random.RandomState(4)


def relu(feature_map):
    # larger one of the value and 0, map by map
    if mode == "faulty":
        return torch.stack([torch.amax(feature_map[:, m].unsqueeze(0), 0) for m in range(feature_map.shape[1])], 1)
    return torch.stack([torch.clamp(feature_map[:, m], min=0) for m in range(feature_map.shape[1])], 1)


def sign(kind, s=18):
    yy, xx = np.mgrid[:s, :s].astype(float)
    cx, cy = s / 2 + rs.uniform(-2, 2, 2); r = rs.uniform(5.5, 7.5)
    u, v = (xx - cx) / r, (yy - cy) / r
    outline = [np.hypot(u, v) < 1, (v < .7) & (np.abs(u) < (v + 1) * .6), np.abs(u) + np.abs(v) < 1.1, np.maximum(abs(u), abs(v)) < .85][kind % 4]
    # the mark inside may be dark on light or light on dark (retroreflection)
    mark = [np.abs(u) < .22, np.abs(v) < .22][kind // 4] & (np.hypot(u, v) < .65)
    bright = rs.choice([-1, 1]); markpol = rs.choice([-1, 1])
    img = 0.6 * bright * outline
    img[mark] += 0.9 * markpol
    return img + rs.uniform(-.3, .3) + 0.35 * rs.randn(s, s)


def photos(n):
    y = rs.randint(0, 8, n)
    return TensorDataset(torch.tensor(np.stack([sign(k) for k in y])[:, None], dtype=torch.float32), torch.tensor(y))


class ScratchCNN(nn.Module):
    def __init__(self, n_classes=8):
        super().__init__()
        self.l1_filter = nn.Parameter(torch.randn(10, 1, 3, 3) * math.sqrt(2 / 9)); self.b1 = nn.Parameter(torch.zeros(10))
        self.l2_filter = nn.Parameter(torch.randn(16, 10, 3, 3) * math.sqrt(2 / 90)); self.b2 = nn.Parameter(torch.zeros(16))
        self.fc1, self.fc2 = nn.Linear(16 * 16, 48), nn.Linear(48, n_classes)

    def forward(self, img):
        l1 = F.avg_pool2d(relu(F.conv2d(img, self.l1_filter, self.b1)), 2)      # 8 x 8
        l2 = relu(F.conv2d(l1, self.l2_filter, self.b2, padding=1))
        l2 = F.avg_pool2d(l2, 2).flatten(1)
        return self.fc2(relu(self.fc1(l2)))


train_dl = DataLoader(photos(3600), batch_size=48, shuffle=True)
test_dl = DataLoader(photos(900), batch_size=450)
model = ScratchCNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.85)
w = DiagWriter(logdir); w.watch(model, optimizer, criterion)
for epoch in range(15):
    tr = []
    model.train()
    for img, lab in train_dl:
        loss = criterion(model(img), lab)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        tr.append(loss.item())
    scheduler.step()
    model.eval(); te, ok, n = 0., 0, 0
    with torch.no_grad(), w.evaluating("val"):
        for img, lab in test_dl:
            o = model(img); te += criterion(o, lab).item() * len(lab); ok += (o.argmax(1) == lab).sum().item(); n += len(lab)
    if epoch % 3 == 2:
        print("epoch %d  train %.4f  test %.4f  acc %.2f %%" % (epoch + 1, np.mean(tr), te / n, 100 * ok / n))
w.close()
print(f"RESULT test_loss={te / n:.4f} test_acc={ok / n:.4f} train={np.mean(tr):.4f}")

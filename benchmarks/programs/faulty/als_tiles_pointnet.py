# PointNet semantic segmentation of airborne laser scanning tiles: ground / building / tree / wire. Own data, s3dis-like format.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.manual_seed(4); np.random.seed(4); torch.set_num_threads(1)
FORM, LOG = sys.argv[1], sys.argv[2]
NUM_POINT = 128


def one_tile():
    """20 m tile, metres; some hill, one building, some trees and perhaps a power line. Origin in local project coordinates."""
    n = 260
    xy = np.random.uniform(0, 20, (n, 2)); slope = np.random.uniform(-0.12, 0.12, 2)
    z = xy @ slope; lab = np.zeros(n, int)
    bx, by = np.random.uniform(2, 10, 2); bw, bh = np.random.uniform(5, 9, 2); H = np.random.uniform(3, 7)
    inb = (xy[:, 0] > bx) & (xy[:, 0] < bx + bw) & (xy[:, 1] > by) & (xy[:, 1] < by + bh)
    z[inb] = H + slope @ np.array([bx, by]); lab[inb] = 1
    for _ in range(np.random.randint(1, 4)):
        c, r, h = np.random.uniform(0, 20, 2), np.random.uniform(1.5, 3), np.random.uniform(4, 9)
        t = (np.linalg.norm(xy - c, axis=1) < r) & (lab == 0)
        z[t] += np.random.uniform(0.1, 1.0, t.sum()) * h; lab[t] = 2
    if np.random.rand() < .6:
        m = np.random.randint(n, size=24); a = np.random.uniform(0, 20)
        xy[m] = np.stack([np.random.uniform(0, 20, 24), a + 0.1 * np.random.randn(24)], 1); z[m] = 11 + 0.15 * np.random.randn(24); lab[m] = 3
    xyz = np.concatenate([xy, (z + 0.12 * np.random.randn(n))[:, None]], 1)
    refl = np.array([.35, .5, .25, .3])[lab] + 0.15 * np.random.randn(n)
    origin = np.array([np.random.uniform(400, 1600), np.random.uniform(900, 2400), np.random.uniform(180, 420)])
    return xyz + origin, refl, lab


class ALSDataset(Dataset):
    def __init__(self, tiles):
        self.tiles = tiles

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, i):
        pts, refl, lab = self.tiles[i]
        sel = np.random.choice(len(pts), NUM_POINT, replace=False)
        p = pts[sel]
        if FORM != "faulty":
            center = pts.mean(0)
            p = (p - center) / np.abs(pts - center).max()        # [-1, 1]
        f = np.concatenate([p, refl[sel, None]], 1)
        return torch.tensor(f.T, dtype=torch.float32), torch.tensor(lab[sel])


class get_model(nn.Module):
    def __init__(self, num_class=4):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv1d(4, 32, 1), nn.Conv1d(32, 64, 1), nn.Conv1d(64, 128, 1)
        self.s1, self.s2, self.s3 = nn.Conv1d(128 + 64, 96, 1), nn.Conv1d(96, 48, 1), nn.Conv1d(48, num_class, 1)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        local = F.relu(self.conv2(x))
        g = self.conv3(local).max(2, keepdim=True)[0].expand(-1, -1, x.shape[2])
        x = F.relu(self.s1(torch.cat([local, g], 1)))
        x = F.relu(self.s2(x))
        return F.log_softmax(self.s3(x), dim=1)


tiles = [one_tile() for _ in range(900)]
train_loader = DataLoader(ALSDataset(tiles[:720]), batch_size=16, shuffle=True, drop_last=True)
test_loader = DataLoader(ALSDataset(tiles[720:]), batch_size=36)
classifier = get_model()
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(classifier.parameters(), lr=0.002, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.4)
writer = DiagWriter(LOG)
writer.watch(classifier, optimizer, criterion)

for epoch in range(18):
    classifier.train(); tot = n = 0
    for points, target in train_loader:
        optimizer.zero_grad()
        seg_pred = classifier(points)
        loss = criterion(seg_pred, target)
        loss.backward()
        optimizer.step()
        tot += loss.item(); n += 1
    scheduler.step()
    classifier.eval(); vl, I, U, right, cnt = 0., np.zeros(4), np.zeros(4), 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for points, target in test_loader:
            o = classifier(points); vl += criterion(o, target).item() * len(points)
            p = o.argmax(1); right += (p == target).sum().item(); cnt += target.numel()
            for k in range(4):
                I[k] += ((p == k) & (target == k)).sum(); U[k] += ((p == k) | (target == k)).sum()
    if epoch % 3 == 2:
        print("epoch %d train %.4f eval %.4f acc %.3f mIoU %.3f" % (epoch + 1, tot / n, vl / 180, right / cnt, (I / np.maximum(U, 1)).mean()))
writer.close()
print(f"RESULT val_loss={vl / 180:.4f} acc={right / cnt:.4f} mIoU={(I / np.maximum(U, 1)).mean():.4f}")

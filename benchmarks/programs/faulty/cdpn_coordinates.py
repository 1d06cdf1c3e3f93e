# train.py for the coordinates network, written after their test.py (argmax over the bins, -> [-1, 1])
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
faulty = sys.argv[1] == "faulty"
BINS = 16
S = 16


def render(n):
    """an egg shaped object turned about the viewing axis: image, mask, object coordinates (x, y) of each pixel in [-1, 1]"""
    gy, gx = np.mgrid[:S, :S]
    img = np.random.normal(0.2, 0.05, (n, 3, S, S))
    mask = np.zeros((n, S, S))
    coor = np.zeros((n, 2, S, S))
    for i in range(n):
        a = np.random.uniform(-1.2, 1.2)
        cx, cy = np.random.uniform(6.5, 8.5, 2)
        r = np.random.uniform(5, 6.5)
        u = ((gx - cx) * np.cos(a) + (gy - cy) * np.sin(a)) / r
        v = (-(gx - cx) * np.sin(a) + (gy - cy) * np.cos(a)) / r
        m = u ** 2 + (v / 0.8) ** 2 < 1
        mask[i] = m
        coor[i] = np.stack([u, v]) * m
        light = np.random.uniform(0.8, 1.2)
        tex = np.stack([0.5 + 0.4 * u, 0.5 + 0.4 * v, 0.5 + 0.3 * np.sin(5 * u)]) * light
        img[i] = np.where(m, tex + np.random.normal(0, 0.03, tex.shape), img[i])
    img = (img - 0.35) / 0.25
    return [torch.tensor(t, dtype=torch.float32) for t in (img, mask, coor)]


train_loader = DataLoader(TensorDataset(*render(1200)), batch_size=24, shuffle=True)
val_loader = DataLoader(TensorDataset(*render(240)), batch_size=60)


class CoorNet(nn.Module):
    def __init__(self, ch=32):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, ch, 3, padding=1), nn.BatchNorm2d(ch), nn.ReLU(),
                                  nn.Conv2d(ch, ch, 3, padding=1), nn.BatchNorm2d(ch), nn.ReLU(),
                                  nn.Conv2d(ch, ch, 3, padding=1), nn.BatchNorm2d(ch), nn.ReLU())
        self.coor_x = nn.Conv2d(ch, BINS, 1)
        self.coor_y = nn.Conv2d(ch, BINS, 1)
        self.conf = nn.Conv2d(ch, 1, 1)

    def forward(self, x):
        f = self.body(x)
        return self.coor_x(f), self.coor_y(f), self.conf(f).squeeze(1)


def decode(out_x, out_y):
    c = torch.stack([torch.argmax(out_x, dim=1), torch.argmax(out_y, dim=1)], dim=1)
    return 2.0 * c.float() / (BINS - 1.0) - 1.0      # [-1,1]


def loss_of(out, mask, coor):
    out_x, out_y, conf = out
    l_conf = F.binary_cross_entropy_with_logits(conf, mask)
    if faulty:
        l_coor = ((decode(out_x, out_y) - coor).abs() * mask.unsqueeze(1)).sum() / (2 * mask.sum())
    else:       # take the loss before argmax
        t = ((coor + 1) / 2 * (BINS - 1)).round().long().clamp(0, BINS - 1)
        ce = F.cross_entropy(out_x, t[:, 0], reduction="none") + F.cross_entropy(out_y, t[:, 1], reduction="none")
        l_coor = (ce * mask).sum() / (2 * mask.sum())
    return l_conf + l_coor


net = CoorNet()
optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer)
for epoch in range(8):
    net.train()
    for img, mask, coor in train_loader:
        loss = loss_of(net(img), mask, coor)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    err, n = 0, 0
    with torch.no_grad():
        for img, mask, coor in val_loader:
            ox, oy, conf = net(img)
            err += ((decode(ox, oy) - coor).abs() * mask.unsqueeze(1)).sum().item() / 2
            n += mask.sum().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val coordinate error {err / n:.4f}", flush=True)
writer.close()
print(f"RESULT loss {loss.item():.4f} val coordinate error {err / n:.4f}")

import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
torch.set_num_threads(1)

x_all = torch.from_numpy(load_digits().images.astype(np.float32) / 8 - 0.6)[:, None]
y_all = torch.from_numpy(load_digits().target)
perm = torch.randperm(len(x_all))
x_tr, y_tr, x_te, y_te = x_all[perm[:1280]], y_all[perm[:1280]], x_all[perm[1280:]], y_all[perm[1280:]]


def augment(x):
    b = len(x)
    theta = torch.zeros(b, 2, 3)
    ang = (torch.rand(b) - 0.5) * 0.6
    sc = 1 + (torch.rand(b) - 0.5) * 0.3
    theta[:, 0, 0], theta[:, 0, 1] = sc * ang.cos(), -sc * ang.sin()
    theta[:, 1, 0], theta[:, 1, 1] = sc * ang.sin(), sc * ang.cos()
    theta[:, :, 2] = (torch.rand(b, 2) - 0.5) * 0.4
    x = F.grid_sample(x + 0.6, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False) - 0.6
    return x * (0.8 + 0.4 * torch.rand(b, 1, 1, 1)) + 0.1 * torch.randn_like(x)


class SimCLR(nn.Module):
    def __init__(self, width=16, proj=32):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width * 2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width * 2), nn.ReLU(),
            nn.Conv2d(width * 2, width * 2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width * 2), nn.ReLU(),
            nn.Flatten())
        self.projector = nn.Sequential(nn.Linear(width * 8, 64), nn.ReLU(), nn.Linear(64, proj))

    def forward(self, x):
        return self.projector(self.encoder(x))


class SimCLRLoss(nn.Module):
    def __init__(self, temperature=0.2, use_hidden_norm=True):
        super().__init__()
        self.temperature, self.use_hidden_norm = temperature, use_hidden_norm

    def l2_normalize(self, z):
        if form == "faulty":
            return z / z.pow(2).sum().clamp(min=1e-12).sqrt()
        return F.normalize(z, dim=-1)

    def forward(self, za, zb):
        if self.use_hidden_norm:
            za, zb = self.l2_normalize(za), self.l2_normalize(zb)
        n = len(za)
        labels = torch.arange(n)
        mask = torch.eye(n) * 1e9
        aa = za @ za.T / self.temperature - mask
        bb = zb @ zb.T / self.temperature - mask
        ab = za @ zb.T / self.temperature
        la = F.cross_entropy(torch.cat([ab, aa], 1), labels)
        lb = F.cross_entropy(torch.cat([ab.T, bb], 1), labels)
        return (la + lb) / 2


model, criterion = SimCLR(), SimCLRLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-6)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def knn(k=5):
    model.eval()
    with torch.no_grad():
        a, b = F.normalize(model.encoder(x_tr), dim=1), F.normalize(model.encoder(x_te), dim=1)
    model.train()
    votes = y_tr[(b @ a.T).topk(k, 1).indices]
    return (votes.mode(1).values == y_te).float().mean().item()


for epoch in range(25):
    model.train()
    hist = []
    for idx in torch.randperm(len(x_tr)).split(128):
        za, zb = model(augment(x_tr[idx])), model(augment(x_tr[idx]))
        loss = criterion(za, zb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hist.append(loss.item())
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} nt-xent {np.mean(hist):.4f} knn acc {knn():.3f}")
writer.close()

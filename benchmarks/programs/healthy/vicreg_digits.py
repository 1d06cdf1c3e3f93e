# VICReg on small images, after facebookresearch/vicreg main_vicreg.py (one process, AdamW in place of LARS)
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


class Args:
    epochs = 18
    batch_size = 128
    base_lr = 2e-2
    wd = 1e-6
    sim_coeff = 25.0
    std_coeff = 25.0
    cov_coeff = 1.0
    mlp = "128-128-128"


args = Args()


def augment(x):
    # random shift, per-image contrast, noise, one erased column block
    n = x.size(0)
    theta = torch.zeros(n, 2, 3)
    ang = (torch.rand(n) - 0.5) * 0.5
    sc = 1 + (torch.rand(n) - 0.5) * 0.4
    theta[:, 0, 0] = torch.cos(ang) * sc
    theta[:, 0, 1] = -torch.sin(ang) * sc
    theta[:, 1, 0] = torch.sin(ang) * sc
    theta[:, 1, 1] = torch.cos(ang) * sc
    theta[:, :, 2] = (torch.rand(n, 2) - 0.5) * 0.5
    x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)
    x = x * (0.7 + 0.6 * torch.rand(n, 1, 1, 1))
    return x + 0.1 * torch.randn_like(x)


def off_diagonal(x):
    n, m = x.shape
    return x.flatten()[:-1].view(n - 1, n + 1)[:, 1:].flatten()


def Projector(args, embedding):
    f = list(map(int, f"{embedding}-{args.mlp}".split("-")))
    layers = []
    for i in range(len(f) - 2):
        layers += [nn.Linear(f[i], f[i + 1]), nn.BatchNorm1d(f[i + 1]), nn.ReLU(True)]
    layers.append(nn.Linear(f[-2], f[-1], bias=False))
    return nn.Sequential(*layers)


class VICReg(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.args = args
        self.num_features = int(args.mlp.split("-")[-1])
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.projector = Projector(args, 256)

    def forward(self, x, y):
        x = self.projector(self.backbone(x))
        y = self.projector(self.backbone(y))
        repr_loss = F.mse_loss(x, y)
        x = x - x.mean(dim=0)
        y = y - y.mean(dim=0)
        std_x = torch.sqrt(x.var(dim=0) + 0.0001)
        std_y = torch.sqrt(y.var(dim=0) + 0.0001)
        std_loss = torch.mean(F.relu(1 - std_x)) / 2 + torch.mean(F.relu(1 - std_y)) / 2
        b = x.size(0)
        cov_x = (x.T @ x) / (b - 1)
        cov_y = (y.T @ y) / (b - 1)
        cov_loss = off_diagonal(cov_x).pow_(2).sum().div(self.num_features) \
            + off_diagonal(cov_y).pow_(2).sum().div(self.num_features)
        return self.args.sim_coeff * repr_loss + self.args.std_coeff * std_loss + self.args.cov_coeff * cov_loss


def adjust_learning_rate(args, optimizer, n_batches, step):
    max_steps = args.epochs * n_batches
    warmup_steps = 3 * n_batches
    if step < warmup_steps:
        lr = args.base_lr * (step + 1) / warmup_steps
    else:
        q = 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / (max_steps - warmup_steps)))
        lr = args.base_lr * q + args.base_lr * 0.002 * (1 - q)
    for g in optimizer.param_groups:
        g["lr"] = lr
    return lr


d = load_digits()
X = torch.tensor(d.images / 16.0, dtype=torch.float32).unsqueeze(1)
X = F.interpolate(X, size=12, mode="bilinear")
Y = d.target
perm = np.random.permutation(len(X))
tr, te = perm[:1440], perm[1440:]
mu, sd = X[tr].mean(), X[tr].std()
X = (X - mu) / sd

model = VICReg(args)
optimizer = torch.optim.AdamW(model.parameters(), lr=args.base_lr, weight_decay=args.wd)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

n_batches = len(tr) // args.batch_size
step = 0
for epoch in range(args.epochs):
    order = np.random.permutation(tr)
    tot = 0
    for i in range(n_batches):
        x = X[order[i * args.batch_size:(i + 1) * args.batch_size]]
        lr = adjust_learning_rate(args, optimizer, n_batches, step)
        optimizer.zero_grad()
        loss = model(augment(x), augment(x))
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        tot += loss.item()
        step += 1
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} loss {tot / n_batches:.3f} lr {lr:.5f}")

writer.close()
model.eval()
with torch.no_grad():
    ftr, fte = model.backbone(X[tr]).numpy(), model.backbone(X[te]).numpy()
few = np.arange(200)                    # 200 labels only
clf = LogisticRegression(max_iter=2000).fit(ftr[few], Y[tr][few])
raw = LogisticRegression(max_iter=2000).fit(X[tr][few].flatten(1).numpy(), Y[tr][few])
print(f"RESULT loss {tot / n_batches:.3f} probe {clf.score(fte, Y[te]):.4f} raw pixels {raw.score(X[te].flatten(1).numpy(), Y[te]):.4f}")

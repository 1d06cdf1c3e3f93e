# SimSiam (facebookresearch/simsiam main_simsiam.py) on small pictures, then kNN / linear check
import sys, math, time
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0)


class Args: epochs = 22; batch_size = 64; lr = 0.2; momentum = 0.9; weight_decay = 1e-4; dim = 64; pred_dim = 16; fix_pred_lr = True
args = Args()


class SimSiam(nn.Module):
    def __init__(self, dim, pred_dim):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
                                      nn.Conv2d(16, 32, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
                                      nn.Conv2d(32, 64, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
                                      nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.projector = nn.Sequential(nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(True), nn.Linear(64, dim, bias=False), nn.BatchNorm1d(dim, affine=False))
        self.predictor = nn.Sequential(nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU(True), nn.Linear(pred_dim, dim))

    def encode(self, x): return self.projector(self.backbone(x))

    def forward(self, x1, x2):
        z1, z2 = self.encode(x1), self.encode(x2)
        return self.predictor(z1), self.predictor(z2), z1.detach(), z2.detach()


def augment(x):
    """random resized crop / rotation by an affine grid, then intensity jitter and noise"""
    b = len(x); a = (torch.rand(b) - .5) * .7; s = .75 + .4 * torch.rand(b)
    th = torch.stack([torch.stack([s * a.cos(), -s * a.sin(), (torch.rand(b) - .5) * .4], 1), torch.stack([s * a.sin(), s * a.cos(), (torch.rand(b) - .5) * .4], 1)], 1)
    x = F.grid_sample(x, F.affine_grid(th, x.shape, align_corners=False), align_corners=False, padding_mode='border')
    x = x * (.7 + .6 * torch.rand(b, 1, 1, 1)) + .2 * torch.randn(b, 1, 1, 1) * (torch.rand(b, 1, 1, 1) < .8)
    return x + .15 * torch.randn_like(x)


d = load_digits()
X = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16; X = (X - X.mean()) / X.std(); y = d.target
X = F.interpolate(X, size=12, mode='bilinear', align_corners=False)
Xtr, ytr, Xte, yte = X[:1400], y[:1400], X[1400:], y[1400:]

model = SimSiam(args.dim, args.pred_dim)
def probe():
    model.eval()
    with torch.no_grad():
        a, b = model.backbone(Xtr).numpy(), model.backbone(Xte).numpy()
    return LogisticRegression(max_iter=2000).fit(a, ytr).score(b, yte)
p0 = probe()
init_lr = args.lr * args.batch_size / 256
criterion = nn.CosineSimilarity(dim=1)
optimizer = torch.optim.SGD([{'params': list(model.backbone.parameters()) + list(model.projector.parameters()), 'fix_lr': False},
                             {'params': model.predictor.parameters(), 'fix_lr': args.fix_pred_lr}], init_lr, momentum=args.momentum, weight_decay=args.weight_decay)
base = [g['lr'] for g in optimizer.param_groups]
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def adjust_learning_rate(epoch):
    for g, b in zip(optimizer.param_groups, base):
        g['lr'] = b if g['fix_lr'] else b * 0.5 * (1. + math.cos(math.pi * epoch / args.epochs))


for epoch in range(args.epochs):
    adjust_learning_rate(epoch)
    model.train(); tot = 0; perm = torch.randperm(len(Xtr)); nb = len(perm) // args.batch_size
    for i in range(nb):
        x = Xtr[perm[i * args.batch_size:(i + 1) * args.batch_size]]
        p1, p2, z1, z2 = model(x1=augment(x), x2=augment(x))
        loss = -(criterion(p1, z2).mean() + criterion(p2, z1).mean()) * 0.5
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item() / nb
    with torch.no_grad():
        std = F.normalize(z1, dim=1).std(0).mean().item() * math.sqrt(args.dim)
    print(f'Epoch {epoch} loss {tot:.4f} std*sqrt(d) {std:.3f}')
writer.close()
print(f'RESULT loss {tot:.4f} output std {std:.3f} linear probe {probe():.4f} (untrained {p0:.4f})')

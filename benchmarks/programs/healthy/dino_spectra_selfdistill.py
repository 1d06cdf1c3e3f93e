"""DINO without labels on near-infrared spectra: student/teacher with centering and sharpening.

Cross-entropy between student and teacher starts at ln(K)=4.16, and its curve tells little: teacher temperature and
centre move along. k-NN on the teacher's features is what we look at (raw spectra, centred, do about as well here: the classes are easy).
"""
import copy
import math
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234)

BANDS, K, EPOCHS, BATCH = 80, 64, 10, 64


def spectra(n, gen):
    y = torch.randint(8, (n,), generator=gen)
    g = torch.Generator().manual_seed(5)
    cen, wid, hgt = torch.rand(8, 5, generator=g), 0.02 + 0.04 * torch.rand(8, 5, generator=g), 0.5 + torch.rand(8, 5, generator=g)
    x = torch.linspace(0, 1, BANDS)
    c = cen[y] + 0.012 * torch.randn(n, 5, generator=gen)
    h = hgt[y] * (1 + 0.3 * torch.randn(n, 5, generator=gen))
    s = (h[..., None] * torch.exp(-0.5 * ((x - c[..., None]) / wid[y][..., None]) ** 2)).sum(1)
    slope = torch.randn(n, 1, generator=gen) * 1.5
    offs = torch.randn(n, 1, generator=gen) * 1.0
    return s + slope * (x - 0.5) + offs + 0.12 * torch.randn(n, BANDS, generator=gen), y


def view(x, keep):
    """random baseline and scale, random crop of bands set to the mean"""
    n = len(x)
    ramp = torch.linspace(-.5, .5, BANDS)
    v = x * (1 + .2 * torch.randn(n, 1)) + torch.randn(n, 1) + 1.5 * torch.randn(n, 1) * ramp + .08 * torch.randn_like(x)
    w = int(keep * BANDS)
    start = torch.randint(0, BANDS - w + 1, (n, 1))
    pos = torch.arange(BANDS)
    m = (pos >= start) & (pos < start + w)
    return torch.where(m, v, v.mean(1, keepdim=True))


class Head(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(d, 64), nn.GELU(), nn.Linear(64, 24))
        self.last = nn.utils.parametrizations.weight_norm(nn.Linear(24, k, bias=False))
        self.last.parametrizations.weight.original0.data.fill_(1)
        self.last.parametrizations.weight.original0.requires_grad = False       # norm_last_layer=True

    def forward(self, x):
        return self.last(F.normalize(self.mlp(x), dim=-1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv1d(1, 16, 7, 2, 3), nn.GroupNorm(4, 16), nn.GELU(), nn.Conv1d(16, 32, 5, 2, 2), nn.GroupNorm(4, 32),
                                      nn.GELU(), nn.Conv1d(32, 32, 3, 2, 1), nn.GELU(), nn.Flatten(), nn.Linear(320, 64))
        self.head = Head(64, K)

    def forward(self, x):
        return self.head(self.backbone(x[:, None]))


class DINOLoss(nn.Module):
    def __init__(self, out_dim, student_temp=0.1, center_momentum=0.9):
        super().__init__()
        self.student_temp, self.center_momentum = student_temp, center_momentum
        self.register_buffer("center", torch.zeros(1, out_dim))

    def forward(self, student, teacher, temp):
        s = (student / self.student_temp).chunk(4)
        t = F.softmax((teacher - self.center) / temp, -1).detach().chunk(2)
        total, n = 0, 0
        for i, q in enumerate(t):
            for j, v in enumerate(s):
                if i != j:
                    total = total - (q * F.log_softmax(v, -1)).sum(-1).mean()
                    n += 1
        if torch.is_grad_enabled():
            self.center.mul_(self.center_momentum).add_(teacher.detach().mean(0, keepdim=True), alpha=1 - self.center_momentum)
        return total / n


gen = torch.Generator().manual_seed(0)
xtr, ytr = spectra(2000, gen)
xva, yva = spectra(500, gen)
student = Net()
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad = False
dino_loss = DINOLoss(K)
base_lr = 2e-3
optimizer = torch.optim.AdamW(student.parameters(), lr=base_lr, weight_decay=0.04)
writer = DiagWriter(sys.argv[1])
writer.watch(student, optimizer, dino_loss)


def knn(f_tr, f_te, k=10):
    sim = F.normalize(f_te, dim=1) @ F.normalize(f_tr, dim=1).T
    votes = ytr[sim.topk(k, 1).indices]
    return (votes.mode(1).values == yva).float().mean().item()


niter = EPOCHS * (len(xtr) // BATCH)
it = 0
for epoch in range(EPOCHS):
    temp = 0.04 + 0.02 * min(1, epoch / 6)
    for idx in torch.randperm(len(xtr)).split(BATCH):
        if len(idx) < BATCH:
            continue
        for g in optimizer.param_groups:
            g["lr"] = base_lr * (it / 60 if it < 60 else 0.5 * (1 + math.cos(math.pi * (it - 60) / (niter - 60))))
        m = 1 - (1 - 0.98) * (math.cos(math.pi * it / niter) + 1) / 2
        x = xtr[idx]
        glob = torch.cat([view(x, .85), view(x, .85)])
        loc = torch.cat([view(x, .5), view(x, .5)])
        with torch.no_grad():
            t_out = teacher(glob)
        loss = dino_loss(student(torch.cat([glob, loc])), t_out, temp)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 3.0)
        if epoch < 1:                                       # freeze_last_layer
            for n, p in student.named_parameters():
                if "last" in n:
                    p.grad = None
        optimizer.step()
        with torch.no_grad():
            for ps, pt in zip(student.parameters(), teacher.parameters()):
                pt.mul_(m).add_(ps, alpha=1 - m)
        it += 1
    with torch.no_grad(), writer.evaluating("val"):
        glob = torch.cat([view(xva, .85), view(xva, .85)]); loc = torch.cat([view(xva, .5), view(xva, .5)])
        v = dino_loss(student(torch.cat([glob, loc])), teacher(glob), temp).item()
    with torch.no_grad():
        acc = knn(teacher.backbone(xtr[:, None]), teacher.backbone(xva[:, None]))
    print(f"epoch {epoch} loss {loss.item():.3f} val {v:.3f} k-NN {acc:.3f}")
raw = knn(xtr - xtr.mean(1, keepdim=True), xva - xva.mean(1, keepdim=True))
writer.close()
print(f"RESULT val_loss={v:.4f} knn={acc:.4f} knn_raw={raw:.4f}")

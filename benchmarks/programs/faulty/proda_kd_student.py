"""Stage 3: distil the adapted teacher into a fresh student on unlabelled target pixels (here: pixel spectra)."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
rs = np.random.RandomState(31)
K, BANDS = 16, 40

# spectral signatures of K land cover classes; several are close relatives of each other
base = np.cumsum(rs.normal(0, .35, (K // 2, BANDS)), 1)
sig = np.concatenate([base, base + np.cumsum(rs.normal(0, .10, (K // 2, BANDS)), 1)])


def pixels(n):
    y = rs.randint(0, K, n)
    mix = rs.beta(1.2, 5, n)[:, None]                      # mixed pixels
    other = rs.randint(0, K, n)
    x = (1 - mix) * sig[y] + mix * sig[other]
    x = x * rs.normal(1, .15, (n, 1)) + rs.normal(0, .45, (n, BANDS)) + rs.normal(0, .25, (n, 1))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def mlp(width):
    return nn.Sequential(nn.Linear(BANDS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, K))


# ---- teacher (stage 1/2 result), trained beforehand
Xl, yl = pixels(12000)
mean, std = Xl.mean(0), Xl.std(0)
Xl = (Xl - mean) / std
teacher = mlp(96)
opt_t = torch.optim.Adam(teacher.parameters(), 2e-3, weight_decay=1e-4)
for ep in range(6):
    for b in torch.randperm(len(Xl)).split(128):
        opt_t.zero_grad()
        F.cross_entropy(teacher(Xl[b]), yl[b]).backward()
        opt_t.step()
teacher.eval()

# ---- student
Xu = (pixels(6400)[0] - mean) / std                       # no labels here
Xv, yv = pixels(2000)
Xv = (Xv - mean) / std
student = mlp(48)
optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, weight_decay=2e-4)
scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, 9, power=0.9)
criterion = nn.KLDivLoss(reduction="batchmean")
writer = DiagWriter(sys.argv[2])
writer.watch(student, optimizer, criterion)

for epoch in range(9):
    student.train()
    logs = []
    for b in torch.randperm(len(Xu)).split(64):
        if sys.argv[1] == "faulty":
            student_out = F.softmax(student(Xu[b]), dim=1)
        else:
            student_out = F.log_softmax(student(Xu[b]), dim=1)
        with torch.no_grad():
            teacher_out = F.softmax(teacher(Xu[b]), dim=1)
        loss_kd = criterion(student_out, teacher_out)
        optimizer.zero_grad()
        loss_kd.backward()
        optimizer.step()
        logs.append(loss_kd.item())
    scheduler.step()
    student.eval()
    with torch.no_grad():
        logit = student(Xv)
        with writer.evaluating("val"):
            prob = F.softmax(student(Xv), 1) if sys.argv[1] == "faulty" else F.log_softmax(student(Xv), 1)
            vkd = criterion(prob, F.softmax(teacher(Xv), 1)).item()
        nll = F.cross_entropy(logit, yv).item()
        acc = (logit.argmax(1) == yv).float().mean().item()
        tacc = (teacher(Xv).argmax(1) == yv).float().mean().item()
    print(f"epoch {epoch}  kd {np.mean(logs):.4f}  val kd {vkd:.4f}  val nll {nll:.4f}  acc {acc:.4f} (teacher {tacc:.4f})")
writer.close()
print(f"RESULT val_nll={nll:.4f} val_acc={acc:.4f} teacher_acc={tacc:.4f}")

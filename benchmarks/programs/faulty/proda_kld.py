# stage 2: distil the adapted segmentation teacher into a fresh student on unlabelled target images (plus few labelled source images)
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)
C = 5


def city(n, seed, target, S=24):
    r = np.random.default_rng(seed)
    base = np.array([[.45, .45, .5], [.7, .75, .9], [.6, .5, .4], [.25, .5, .2], [.8, .2, .2]])
    X, Y = np.zeros((n, 3, S, S), np.float32), np.zeros((n, S, S), int)
    for i in range(n):
        h = r.integers(8, 15)
        l = np.zeros((S, S), int); l[:h] = 1
        for _ in range(r.integers(1, 4)):
            x, w, t = r.integers(0, S - 5), r.integers(3, 8), r.integers(1, h - 1)
            l[t:h, x:x + w] = 2
        for _ in range(r.integers(0, 3)):
            x = r.integers(0, S - 4); l[h - 4:h + 1, x:x + 4] = 3
        for _ in range(r.integers(0, 3)):
            x, y = r.integers(0, S - 5), r.integers(h, S - 3); l[y:y + 3, x:x + 5] = 4
        img = base[l] + r.normal(0, .12, (S, S, 3))
        if target:
            img = img * [.75, .8, 1.1] * r.uniform(.6, 1.0) + .05
        X[i], Y[i] = img.transpose(2, 0, 1), l
    return (torch.tensor(X) - .5) / .25, torch.tensor(Y)


def deeplab(w):
    def cb(i, o, d=1): return nn.Sequential(nn.Conv2d(i, o, 3, padding=d, dilation=d), nn.BatchNorm2d(o), nn.ReLU())
    return nn.Sequential(cb(3, w), cb(w, w, 2), cb(w, w, 4), nn.Conv2d(w, C, 1))


def miou(pred, y):
    return np.mean([((pred == c) & (y == c)).sum().item() / max(1, ((pred == c) | (y == c)).sum().item()) for c in range(C)])


tx, ty = city(360, 1, True)
vx, vy = city(80, 2, True)

# the stage 1 model; here simply trained on a labelled part of the target domain
teacher = deeplab(16)
o = torch.optim.Adam(teacher.parameters(), lr=3e-3)
for it in range(110):
    k = torch.randint(0, 120, (12,))
    l = F.cross_entropy(teacher(tx[k]), ty[k])
    o.zero_grad(); l.backward(); o.step()
teacher.eval()
for p in teacher.parameters():
    p.requires_grad = False
with torch.no_grad():
    print("teacher mIoU on target val %.4f" % miou(teacher(vx).argmax(1), vy))

sx, sy = city(24, 3, False)
student_net = deeplab(12)
optimizer = torch.optim.SGD(student_net.parameters(), lr=0.06, momentum=0.9, weight_decay=2e-4)
writer = DiagWriter(LOGDIR)
writer.watch(student_net, optimizer)

DISTILLATION, ITERS, B = 1.0, 330, 10
for it in range(1, ITERS + 1):
    student_net.train()
    k, s = torch.randint(0, len(tx), (B,)), torch.randint(0, len(sx), (2,))
    target_out = student_net(tx[k])
    if form == "faulty":
        student = F.softmax(target_out, dim=1)
    else:
        student = F.log_softmax(target_out, dim=1)
    with torch.no_grad():
        teacher_p = F.softmax(teacher(tx[k]), dim=1)
    loss_kd = F.kl_div(student, teacher_p, reduction="none").sum(1).mean()
    loss = DISTILLATION * loss_kd + 0.1 * F.cross_entropy(student_net(sx[s]), sy[s])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 55 == 0:
        student_net.eval()
        with torch.no_grad():
            out = student_net(vx)
            agree = (out.argmax(1) == teacher(vx).argmax(1)).float().mean().item()
        print("iter %d loss %.4f (kd %.4f)  val ce %.4f mIoU %.4f  agreement with teacher %.4f" % (
            it, loss.item(), loss_kd.item(), F.cross_entropy(out, vy).item(), miou(out.argmax(1), vy), agree))
writer.close()

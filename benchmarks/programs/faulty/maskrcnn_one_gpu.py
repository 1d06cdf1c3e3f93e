# proposal head of a small two-stage detector: objectness + box deltas on anchors, config-driven as in maskrcnn-benchmark
import sys
from types import SimpleNamespace as NS
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
cfg = NS(SOLVER=NS(BASE_LR=0.4, MOMENTUM=0.9, WEIGHT_DECAY=1e-4, IMS_PER_BATCH=16, MAX_ITER=300, STEPS=(200, 260)))
# no eight cards here: one GPU, two pictures
cfg.SOLVER.IMS_PER_BATCH, cfg.SOLVER.MAX_ITER, cfg.SOLVER.STEPS = 2, 2400, (1600, 2080)
if sys.argv[1] != "faulty":
    cfg.SOLVER.BASE_LR = 0.05                  # 0.4 * 2 / 16


def scene(r):
    im = r.normal(0, .5, (3, 40, 40)).astype(np.float32)
    obj, box = np.zeros((10, 10), np.float32), np.zeros((4, 10, 10), np.float32)
    yy, xx = np.mgrid[0:40, 0:40]
    for _ in range(r.randint(1, 5)):
        cx, cy, w, h = r.uniform(6, 34), r.uniform(6, 34), r.uniform(5, 12), r.uniform(5, 12)
        m = (np.abs(xx - cx) < w / 2) & (np.abs(yy - cy) < h / 2)
        im[:, m] += (r.normal(0, .25, 3) + r.choice([-1.1, 1.1]))[:, None]
        for gy in range(10):
            for gx in range(10):
                ax, ay = gx * 4 + 2, gy * 4 + 2
                if abs(ax - cx) < w / 4 + 1 and abs(ay - cy) < h / 4 + 1:
                    obj[gy, gx] = 1
                    box[:, gy, gx] = (cx - ax) / 8, (cy - ay) / 8, np.log(w / 8), np.log(h / 8)
    return im, obj, box


def load(n, seed):
    r = np.random.RandomState(seed)
    return [torch.tensor(np.stack(t)) for t in zip(*[scene(r) for _ in range(n)])]


class RPN(nn.Module):
    def __init__(self, c=20):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, c, 5, 2, 2), nn.ReLU(), nn.Conv2d(c, c, 3, 2, 1), nn.ReLU(),
                                  nn.Conv2d(c, c, 3, 1, 1), nn.ReLU(), nn.Conv2d(c, c, 3, 1, 1), nn.ReLU())
        self.cls, self.reg = nn.Conv2d(c, 1, 1), nn.Conv2d(c, 4, 1)

    def forward(self, x):
        f = self.body(x)
        return self.cls(f)[:, 0], self.reg(f)


def rpn_loss(pred, obj, box):
    logit, delta = pred
    objectness = F.binary_cross_entropy_with_logits(logit, obj)
    reg = (F.smooth_l1_loss(delta, box, reduction="none", beta=1 / 9) * obj[:, None]).sum() / obj.numel()
    return objectness + reg


def do_train():
    torch.manual_seed(3)
    images, obj, box = load(1500, 0)
    vi, vo, vb = load(300, 1)
    model = RPN()
    s = cfg.SOLVER
    optimizer = torch.optim.SGD(model.parameters(), s.BASE_LR, momentum=s.MOMENTUM, weight_decay=s.WEIGHT_DECAY)
    warm = lambda it: min(1., (it + 1) / 100) * .1 ** sum(it >= k for k in s.STEPS)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, warm)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, rpn_loss)
    for iteration in range(1, s.MAX_ITER + 1):
        b = torch.randint(0, len(images), (s.IMS_PER_BATCH,))
        loss = writer.loss_fn(model(images[b]), obj[b], box[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if iteration % 300 == 0:
            with torch.no_grad(), writer.evaluating("val"):
                out = model(vi)
                vl = writer.loss_fn(out, vo, vb).item()
            p = out[0] > 0
            f1 = 2 * (p & (vo > 0)).sum().item() / max(1, (p.sum() + vo.sum()).item())
            print(f"iter: {iteration}  lr: {scheduler.get_last_lr()[0]:.5f}  loss: {loss.item():.4f}  val: {vl:.4f}  F1 {f1:.3f}")
    writer.close()
    print(f"RESULT val_loss={vl:.4f} val_f1={f1:.3f}")


do_train()

# one-scale YOLO head on wide (non-square) camera strips, loss as in keras-yolo ports
import sys
import numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(2); rs = np.random.RandomState(2)
IN_H, IN_W, STRIDE = 24, 64, 8
GRID = (IN_H // STRIDE, IN_W // STRIDE)            # (rows, cols)
LR = float(sys.argv[3]) if len(sys.argv) > 3 else 2e-3

def make(n):
    imgs = rs.normal(0, .25, (n, 1, IN_H, IN_W)).astype('f'); boxes = np.zeros((n, 4), 'f')
    for i in range(n):
        w, h = rs.randint(9, 20), rs.randint(4, 9); x, y = rs.randint(0, IN_W - w), rs.randint(0, IN_H - h)
        imgs[i, 0, y:y + h, x:x + w] += rs.uniform(.6, 1.4)
        imgs[i, 0, y + 1:y + h - 1:2, x + 1:x + w - 1:3] -= 1.2
        imgs[i, 0, :, rs.randint(IN_W)] += .8
        boxes[i] = (x + w / 2) / IN_W, (y + h / 2) / IN_H, w / IN_W, h / IN_H
    return torch.from_numpy(imgs), torch.from_numpy(boxes)

def build_targets(boxes):
    """boxes are relative (cx, cy, w, h) -> y_true (B, rows, cols, 5)"""
    y = torch.zeros(len(boxes), GRID[0], GRID[1], 5)
    col = (boxes[:, 0] * GRID[1]).long().clamp(max=GRID[1] - 1); row = (boxes[:, 1] * GRID[0]).long().clamp(max=GRID[0] - 1)
    b = torch.arange(len(boxes))
    y[b, row, col, :4] = boxes; y[b, row, col, 4] = 1
    return y

class Body(nn.Module):
    def __init__(self):
        super().__init__()
        def cbl(i, o, s): return [nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(.1)]
        self.net = nn.Sequential(*cbl(1, 8, 2), *cbl(8, 16, 2), *cbl(16, 32, 2), *cbl(32, 32, 1), nn.Conv2d(32, 5, 1))
        self.net[-1].bias.data[4] = -3
    def forward(self, x): return self.net(x).permute(0, 2, 3, 1)

ANCHOR = torch.tensor([14.5 / IN_W, 6. / IN_H])
grid_xy = torch.stack(torch.meshgrid(torch.arange(GRID[0]), torch.arange(GRID[1]), indexing='ij')[::-1], -1).float()

class YoloLoss(nn.Module):
    def forward(self, pred, y_true):
        obj = y_true[..., 4]
        grid_shape = torch.tensor(GRID).float() if sys.argv[1] == 'faulty' else torch.tensor(GRID[::-1]).float()
        raw_true_xy = y_true[..., :2] * grid_shape - grid_xy
        raw_true_wh = torch.log((y_true[..., 2:4] / ANCHOR).clamp(min=1e-6)) * obj[..., None]
        scale = 2 - y_true[..., 2] * y_true[..., 3]
        xy = (obj * scale * F.binary_cross_entropy_with_logits(pred[..., :2], raw_true_xy, reduction='none').sum(-1)).sum()
        wh = (obj * scale * .5 * (raw_true_wh - pred[..., 2:4]).square().sum(-1)).sum()
        conf = F.binary_cross_entropy_with_logits(pred[..., 4], obj, reduction='sum')
        return (xy + wh + conf) / len(pred)

def decode(pred):
    B = len(pred); p = pred.reshape(B, -1, 5); k = p[..., 4].argmax(1); q = p[torch.arange(B), k]
    g = grid_xy.reshape(-1, 2)[k]
    return torch.cat([(q[:, :2].sigmoid() + g) / torch.tensor(GRID[::-1]), q[:, 2:4].clamp(max=3).exp() * ANCHOR], 1)
def iou(a, b):
    lt = torch.max(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2); rb = torch.min(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    i = (rb - lt).clamp(min=0).prod(1); return i / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - i)

X, bx = make(3000); VX, vb = make(500)
model = Body(); opt = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=5e-4); crit = YoloLoss()
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
wr = DiagWriter(sys.argv[2]); wr.watch(model, opt, crit)
for ep in range(12):
    model.train(); tl = 0
    for ix in torch.randperm(3000).split(75):
        loss = crit(model(X[ix]), build_targets(bx[ix]))
        opt.zero_grad(); loss.backward(); opt.step(); tl += loss.item() / 40
    sch.step(); model.eval()
    with torch.no_grad(), wr.evaluating('val'):
        out = model(VX); vl = crit(out, build_targets(vb)).item(); miou = iou(decode(out), vb).mean().item()
    print(f'Epoch {ep+1}/12 loss {tl:.3f} val_loss {vl:.3f} mIoU {miou:.3f}')
wr.close(); print(f'RESULT train {tl:.3f} val {vl:.3f} mIoU {miou:.3f}')

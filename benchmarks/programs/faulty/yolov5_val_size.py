"""train.py --img 48: single-class detector, boxes in pixels of the network's input"""
import sys
import numpy as np, torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

DEFAULT_IMG = 32
IMG = 48                                              # --img

class LoadImagesAndLabels(Dataset):
    """labels are stored relative (cx cy w h), pictures are letterboxed to img_size"""
    def __init__(self, n, seed, img_size, label_size=None):
        r = np.random.RandomState(seed)
        self.label_size = label_size or img_size
        self.im = np.zeros((n, 1, img_size, img_size), np.float32)
        self.lab = np.stack([r.uniform(.25, .75, n), r.uniform(.25, .75, n), r.uniform(.15, .4, n), r.uniform(.15, .4, n)], 1).astype(np.float32)
        yy, xx = np.mgrid[0:img_size, 0:img_size] / img_size
        for i, (cx, cy, w, h) in enumerate(self.lab):
            im = r.normal(.4, .12, (img_size, img_size))
            for _ in range(3):                         # things that are not leaves
                a, b = r.randint(0, img_size - 8, 2); im[a:a + 6, b:b + 6] -= r.uniform(.1, .3)
            im += r.uniform(.35, .6) * ((((xx - cx) * 2 / w) ** 2 + ((yy - cy) * 2 / h) ** 2) < 1)
            self.im[i, 0] = (im - .43) / .2
    def __len__(self): return len(self.im)
    def __getitem__(self, i):
        return self.im[i], self.lab[i] * self.label_size

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        c = lambda i, o, s: nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.SiLU())
        self.backbone = nn.Sequential(c(1, 12, 2), c(12, 24, 2), c(24, 32, 2), c(32, 32, 1))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 36, 64), nn.SiLU(), nn.Linear(64, 4))
    def forward(self, x):
        return self.head(self.backbone(x)).sigmoid() * IMG

def iou(a, b):
    a1, a2, b1, b2 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    wh = (torch.min(a2, b2) - torch.max(a1, b1)).clamp(0)
    inter = wh.prod(1)
    return inter / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - inter + 1e-6)

def box_loss(p, t):
    return (1 - iou(p, t)).mean() + nn.functional.smooth_l1_loss(p / IMG, t / IMG) * 5

train_set = LoadImagesAndLabels(1600, 0, IMG)
val_set = LoadImagesAndLabels(300, 1, IMG, DEFAULT_IMG if sys.argv[1] == 'faulty' else IMG)
train_loader, val_loader = DataLoader(train_set, 32, shuffle=True), DataLoader(val_set, 100)
model = Net()
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=.937, nesterov=True, weight_decay=5e-4)
EP = 14
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EP, 2e-4)
tb = DiagWriter(sys.argv[2])
tb.watch(model, opt, box_loss)
for ep in range(EP):
    model.train(); tot = 0
    for im, lab in train_loader:
        loss = box_loss(model(im), lab)
        opt.zero_grad(); loss.backward(); opt.step(); tot += loss.item()
    sch.step(); model.eval()
    with tb.evaluating('val'):
        vl, ious = [], []
        for im, lab in val_loader:
            p = model(im)
            vl.append(tb.loss_fn(p, lab).item()); ious.append(iou(p, lab))
    ap = (torch.cat(ious) > .5).float().mean().item()
    print(f'{ep}/{EP} box {tot / len(train_loader):.4f} val {np.mean(vl):.4f} P@.5 {ap:.3f}')
tb.close()
print(f'RESULT train {tot / len(train_loader):.4f} val {np.mean(vl):.4f} boxes with IoU>.5 {ap:.3f}')

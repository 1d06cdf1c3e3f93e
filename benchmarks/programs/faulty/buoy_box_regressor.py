"""Single-object localisation: find the buoy in a 24x24 camera patch (simulated) and regress its box.
Adapted from a 'bounding boxes from scratch' tutorial."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

hyp = {"lr": 0.03 if sys.argv[1] == "faulty" else 0.001, "batch": 32, "epochs": 20}


class BuoyDataset(Dataset):
    def __init__(self, n, seed, S=24):
        g = np.random.default_rng(seed)
        self.items = []
        yy, xx = np.mgrid[:S, :S]
        for _ in range(n):
            img = .4 + .1 * np.sin(xx * g.uniform(.3, 1) + yy * g.uniform(.5, 2) + g.uniform(0, 6)) + g.normal(0, .05, (S, S))
            w, h = g.uniform(4, 10), g.uniform(5, 12)
            cx, cy = g.uniform(w / 2, S - w / 2), g.uniform(h / 2, S - h / 2)
            inside = (np.abs(xx + .5 - cx) < w / 2) & (np.abs(yy + .5 - cy) < h / 2)
            img = np.where(inside, img * .3 + .7 * g.uniform(.7, 1), img)
            # a bright reflection that is not the buoy
            img[g.integers(0, S)] += .15
            self.items.append((torch.tensor((img[None] - .45) / .2, dtype=torch.float32),
                               torch.tensor([cx / S, cy / S, w / S, h / S], dtype=torch.float32)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Localiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 24, 3, padding=1), nn.ReLU())
        self.box = nn.Sequential(nn.Flatten(), nn.Linear(24 * 36, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.box(self.features(x))


def iou(p, t):
    def corners(b):
        return b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    (a0, a1), (b0, b1) = corners(p), corners(t)
    wh = (torch.minimum(a1, b1) - torch.maximum(a0, b0)).clamp(min=0)
    inter = wh[:, 0] * wh[:, 1]
    return inter / (p[:, 2].clamp(min=0) * p[:, 3].clamp(min=0) + t[:, 2] * t[:, 3] - inter + 1e-6)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(21)
    train_dl = DataLoader(BuoyDataset(1000, 0), hyp["batch"], shuffle=True)
    valid_dl = DataLoader(BuoyDataset(300, 1), 100)
    model = Localiser()
    loss_fn = nn.SmoothL1Loss(beta=0.1)
    opt = torch.optim.Adam(model.parameters(), lr=hyp["lr"])
    sched = torch.optim.lr_scheduler.StepLR(opt, 15, 0.3)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, opt, loss_fn)
    for epoch in range(hyp["epochs"]):
        model.train()
        tl = []
        for img, box in train_dl:
            loss = loss_fn(model(img), box)
            opt.zero_grad(); loss.backward(); opt.step()
            tl.append(loss.item())
        sched.step()
        model.eval()
        vl, ious = [], []
        with writer.evaluating("val"):
            for img, box in valid_dl:
                out = model(img)
                vl.append(loss_fn(out, box).item()); ious.append(iou(out, box))
        mi = torch.cat(ious)
        print(f"epoch {epoch:2d}  train {np.mean(tl):.5f}  valid {np.mean(vl):.5f}  mIoU {mi.mean():.3f}")
    writer.close()
    print(f"RESULT val_miou {mi.mean():.4f} iou50 {(mi > .5).float().mean():.4f} val_loss {np.mean(vl):.5f}")

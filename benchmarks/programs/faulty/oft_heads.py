"""Bird's-eye-view object detection on a grid: score map + position offset + box dimension per cell."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
GRID, SCALE = 8, 3          # 8x8 cells, 3 pixels per cell


class BEVObjects(Dataset):
    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        size = GRID * SCALE
        yy, xx = np.mgrid[0:size, 0:size].astype(np.float32)
        self.img = np.zeros((n, 1, size, size), np.float32)
        self.score = np.zeros((n, 1, GRID, GRID), np.float32)
        self.pos = np.zeros((n, 2, GRID, GRID), np.float32)
        self.dim = np.zeros((n, 2, GRID, GRID), np.float32)
        for i in range(n):
            cells = rng.permutation(GRID * GRID)[:rng.randint(2, 5)]
            for c in cells:
                r, q = divmod(int(c), GRID)
                off = rng.uniform(-1, 1, 2)
                sig = np.exp(rng.uniform(np.log(0.7), np.log(1.6), 2))
                cy = (r + 0.5 + 0.45 * off[0]) * SCALE - 0.5
                cx = (q + 0.5 + 0.45 * off[1]) * SCALE - 0.5
                self.img[i, 0] += np.exp(-0.5 * (((yy - cy) / sig[0]) ** 2 + ((xx - cx) / sig[1]) ** 2))
                self.score[i, 0, r, q] = 1
                self.pos[i, :, r, q] = off
                self.dim[i, :, r, q] = np.log(sig) / 0.24
            self.img[i] += 0.05 * rng.randn(1, size, size)
        self.img = (self.img - 0.2) / 0.3

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.score[i], self.pos[i], self.dim[i]


class OftNet(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.frontend = nn.Sequential(
            nn.Conv2d(1, ch, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(ch, ch, 3, stride=SCALE, padding=1), nn.BatchNorm2d(ch), nn.ReLU(inplace=True))
        self.topdown = nn.Sequential(
            nn.Conv2d(ch, 2 * ch, 3, padding=1), nn.BatchNorm2d(2 * ch), nn.ReLU(inplace=True),
            nn.Conv2d(2 * ch, 2 * ch, 3, padding=1), nn.BatchNorm2d(2 * ch), nn.ReLU(inplace=True))
        self.head_score = nn.Conv2d(2 * ch, 1, 1)
        self.head_pos = nn.Conv2d(2 * ch, 2, 1)
        self.head_dim = nn.Conv2d(2 * ch, 2, 1)

    def forward(self, image):
        f = self.topdown(self.frontend(image))
        return self.head_score(f), self.head_pos(f), self.head_dim(f)


def masked_l1(pred, target, mask):
    return (torch.abs(pred - target) * mask).sum() / (mask.sum() * pred.size(1)).clamp(min=1)


def compute_loss(pred, labels, form="fixed"):
    score, pos, dim = pred
    heat, p_t, d_t = labels
    score_loss = F.binary_cross_entropy_with_logits(score, heat, pos_weight=torch.tensor(4.0))
    position_loss = masked_l1(pos, p_t, heat)
    dimension_loss = masked_l1(dim, d_t, heat)
    total = score_loss + position_loss + dimension_loss
    loss_dict = {"score": score_loss.item(), "position": position_loss.item(),
                 "dimension": dimension_loss.item(), "total": total.item()}
    if form == "faulty":
        return score_loss, total, loss_dict
    return total, total, loss_dict


def main():
    form, logdir = sys.argv[1], sys.argv[2]
    torch.manual_seed(3)
    train_loader = DataLoader(BEVObjects(800, 0), batch_size=16, shuffle=True)
    val_loader = DataLoader(BEVObjects(200, 1), batch_size=50)
    model = OftNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer)

    for epoch in range(8):
        model.train()
        summary = {}
        for image, heat, pos, dim in train_loader:
            pred = model(image)
            loss, total, loss_dict = compute_loss(pred, (heat, pos, dim), form)
            writer.add_loss("train", total)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for k, v in loss_dict.items():
                summary[k] = summary.get(k, 0) + v / len(train_loader)
        scheduler.step()

        model.eval()
        val = {}
        with torch.no_grad(), writer.evaluating("val"):
            for image, heat, pos, dim in val_loader:
                _, total, loss_dict = compute_loss(model(image), (heat, pos, dim))
                writer.add_loss("val", total)
                for k, v in loss_dict.items():
                    val[k] = val.get(k, 0) + v / len(val_loader)
        print("epoch", epoch, "train", {k: round(v, 4) for k, v in summary.items()},
              "val", {k: round(v, 4) for k, v in val.items()})
    writer.close()


if __name__ == "__main__":
    main()

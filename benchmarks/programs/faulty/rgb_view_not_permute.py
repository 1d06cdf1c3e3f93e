"""Small RGB pictures of shapes; numpy images are H x W x C."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
S = 18


class Shapes(Dataset):
    """Coloured shape on a coloured ground: 3 shapes x 2 (is it redder or bluer than the ground?) = 6 classes."""

    def __init__(self, n, seed):
        r = np.random.RandomState(seed)
        yy, xx = np.mgrid[:S, :S]
        self.x = np.empty((n, S, S, 3), np.float32)
        self.y = r.randint(0, 6, n)
        for i, c in enumerate(self.y):
            cy, cx, k = r.uniform(6, 12), r.uniform(6, 12), r.uniform(3.5, 5.5)
            dy, dx = yy - cy, xx - cx
            m = [np.hypot(dy, dx) < k, np.maximum(abs(dy), abs(dx)) < k * .85, (abs(dy) < k / 3) | (abs(dx) < k / 3)][c % 3]
            m = m & (np.maximum(abs(dy), abs(dx)) < k)
            ground = r.uniform(.3, .7, 3)
            col = ground.copy(); sign = 1 if c >= 3 else -1
            col[0] += .25 * sign; col[2] -= .25 * sign
            self.x[i] = np.where(m[..., None], col, ground) + .12 * r.randn(S, S, 3)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        img = torch.from_numpy((self.x[i] - 0.5) / 0.22)          # H, W, C
        if sys.argv[1] == "faulty":
            img = img.view(3, S, S)
        else:
            img = img.permute(2, 0, 1)
        return img, int(self.y[i])


def main():
    tl = DataLoader(Shapes(1600, 0), batch_size=32, shuffle=True)
    vl = DataLoader(Shapes(400, 1), batch_size=100)
    model = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(),
                          nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(24, 6))
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    ce = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, opt, ce, train_loader=tl)
    for e in range(14):
        tot = 0
        for x, y in tl:
            opt.zero_grad(); l = ce(model(x), y); l.backward(); opt.step(); tot += l.item()
        with writer.evaluating("val"):
            acc = v = 0
            for x, y in vl:
                o = model(x); v += ce(o, y).item() / len(vl); acc += (o.argmax(1) == y).sum().item() / 400
        print(f"epoch {e} train {tot / len(tl):.3f} val {v:.3f} acc {acc:.3f}")
    writer.close()


main()

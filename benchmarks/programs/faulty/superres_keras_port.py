# SRCNN-like super resolution (2x), port of a small keras project. trains on patches, PSNR on held-out pictures
import sys
from argparse import Namespace
import numpy as np
import torch
import torch.nn as nn
from scipy import ndimage
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def get_args():
    return Namespace(size=24, batch=64, epoch=12, lr=1e-4 if sys.argv[1] == "faulty" else 2e-3, logdir=sys.argv[2])


def load_images(n, size, rng):
    xs, ys = [], []
    for _ in range(n):
        img = ndimage.gaussian_filter(rng.normal(size=(size, size)), rng.uniform(1.5, 4))
        img /= img.std() + 1e-6
        img *= .12
        for _ in range(rng.integers(1, 5)):          # hard edges: roofs, letters, horizon
            a, c = rng.uniform(0, np.pi), rng.uniform(-8, 8)
            yy, xx = np.mgrid[0:size, 0:size] - size / 2
            img += rng.uniform(-.3, .3) * ((np.cos(a) * xx + np.sin(a) * yy) > c)
        img = np.clip(img + .5, 0, 1)
        low = img.reshape(size // 2, 2, size // 2, 2).mean((1, 3)) + rng.normal(0, .01, (size // 2, size // 2))
        xs.append(ndimage.zoom(low, 2, order=1, grid_mode=True, mode="nearest"))
        ys.append(img)
    f = lambda a: torch.tensor(np.stack(a), dtype=torch.float32).unsqueeze(1)
    return f(xs), f(ys)


class SRNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(),
                                    nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
                                    nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, x):
        return x + self.layers(x - .5)


def build_model():
    return SRNet()


def psnr(mse):
    return -10 * np.log10(mse)


def main():
    args = get_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = load_images(900, args.size, rng)
    xt, yt = load_images(300, args.size, rng)
    print("bilinear: %.2f dB" % psnr(((xt - yt) ** 2).mean().item()))
    loader = DataLoader(TensorDataset(x, y), batch_size=args.batch, shuffle=True)
    model = build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epoch * len(loader))
    mse = nn.MSELoss()
    w = DiagWriter(args.logdir)
    w.watch(model, optimizer, mse)
    for epoch in range(args.epoch):
        model.train()
        run = 0
        for a, b in loader:
            loss = mse(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sched.step()
            run += loss.item()
        model.eval()
        with torch.no_grad(), w.evaluating("val"):
            v = mse(model(xt), yt).item()
        print("epoch %2d loss %.5f val %.5f (%.2f dB)" % (epoch + 1, run / len(loader), v, psnr(v)))
    w.close()
    print(f"RESULT train mse {run / len(loader):.5f} val mse {v:.5f} psnr {psnr(v):.2f}")


if __name__ == '__main__':
    main()

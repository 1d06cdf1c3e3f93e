"""small U-Net with the helper library's get_augmented() generators"""
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy import ndimage
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(26)

DATA_GEN_ARGS = dict(rotation_range=15.0, shift_range=0.05, shear_range=12.0, zoom_range=0.2, noise=0.0)


def cells(n, seed, s=32):
    rng = np.random.RandomState(seed)
    yy, xx = np.mgrid[:s, :s]
    X, Y = [], []
    for _ in range(n):
        m = np.zeros((s, s), bool)
        for _ in range(rng.randint(3, 6)):
            cy, cx = rng.uniform(3, s - 3, 2)
            a, b = rng.uniform(2, 4), rng.uniform(2, 4)
            m |= ((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2 < 1
        im = 0.45 + 0.12 * np.sin(xx / rng.uniform(3, 8)) - 0.25 * m + 0.10 * rng.randn(s, s)
        X.append(ndimage.gaussian_filter(im, 0.6))
        Y.append(m)
    return np.float32(X)[:, None], np.float32(Y)[:, None]


def random_affine(x, y, rng, a):
    t = np.deg2rad(rng.uniform(-1, 1) * a["rotation_range"])
    sh = np.deg2rad(rng.uniform(-1, 1) * a["shear_range"])
    zx, zy = 1 + rng.uniform(-1, 1, 2) * a["zoom_range"]
    M = np.array([[np.cos(t) * zy, -np.sin(t + sh) * zx], [np.sin(t) * zy, np.cos(t + sh) * zx]])
    c = (np.array(x.shape) - 1) / 2
    off = c - M @ c + rng.uniform(-1, 1, 2) * a["shift_range"] * x.shape[0]
    return (ndimage.affine_transform(x, M, off, order=1, mode="constant"),
            ndimage.affine_transform(y, M, off, order=0, mode="constant"))


def image_generator(X, Y, batch_size, rng, data_gen_args=None, shuffle=False):
    idx = rng.permutation(len(X)) if shuffle else np.arange(len(X))
    for i in range(0, len(X), batch_size):
        x, y = X[idx[i:i + batch_size]], Y[idx[i:i + batch_size]]
        if data_gen_args:
            pairs = [random_affine(u[0], v[0], rng, data_gen_args) for u, v in zip(x, y)]
            x = np.float32([p[0] for p in pairs])[:, None]
            y = np.float32([p[1] for p in pairs])[:, None]
        yield torch.from_numpy(x), torch.from_numpy(y)


class UNet(nn.Module):
    def __init__(self, f=8):
        super().__init__()
        c = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
        self.a, self.b, self.m = c(1, f), c(f, 2 * f), c(2 * f, 2 * f)
        self.u2, self.u1 = c(4 * f, f), c(2 * f, f)
        self.out = nn.Conv2d(f, 1, 1)

    def forward(self, x):
        up = lambda t: nn.functional.interpolate(t, scale_factor=2)
        p = nn.functional.max_pool2d
        a = self.a(x)
        b = self.b(p(a, 2))
        m = self.m(p(b, 2))
        return self.out(self.u1(torch.cat([up(self.u2(torch.cat([up(m), b], 1))), a], 1)))


def iou_sum(out, y):
    p = out > 0
    return ((p & (y > 0.5)).sum().item(), (p | (y > 0.5)).sum().item())


def main():
    rng = np.random.RandomState(26)
    Xt, Yt = cells(240, 1)
    Xv, Yv = cells(60, 2)
    Xs, Ys = cells(150, 3)
    train_args = dict(DATA_GEN_ARGS, rotation_range=5.0, shear_range=0.0, zoom_range=0.05)
    val_args = DATA_GEN_ARGS if FORM == "faulty" else None
    model = UNet()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 16)
    loss_fn = nn.BCEWithLogitsLoss()
    writer = DiagWriter(LOGDIR)
    writer.watch(model, opt, loss_fn)
    for epoch in range(16):
        model.train()
        for x, y in image_generator(Xt, Yt, 16, rng, train_args, shuffle=True):
            opt.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            opt.step()
        sched.step()
        i = u = 0
        vl = []
        with writer.evaluating("val"):
            for x, y in image_generator(Xv, Yv, 16, rng, val_args):
                o = model(x)
                vl.append(loss_fn(o, y).item())
                a, b = iou_sum(o, y)
                i, u = i + a, u + b
        if epoch % 4 == 3:
            print("Epoch %d loss %.4f val_loss %.4f val_iou %.4f" % (epoch + 1, loss.item(), np.mean(vl), i / u))
    ti = tu = 0
    with writer.evaluating("test"):
        tl = []
        for x, y in image_generator(Xs, Ys, 50, rng):
            o = model(x)
            tl.append(loss_fn(o, y).item())
            a, b = iou_sum(o, y)
            ti, tu = ti + a, tu + b
    writer.close()
    print("RESULT val_loss %.4f val_iou %.4f test_loss %.4f test_iou %.4f" % (np.mean(vl), i / u, np.mean(tl), ti / tu))


main()

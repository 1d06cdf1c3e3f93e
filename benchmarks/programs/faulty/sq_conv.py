"""Train a small conv net whose Conv2d layers are swapped for weight-quantised ones."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class RoundSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, levels):
        s = w.abs().max() / levels
        return torch.round(w / s) * s

    @staticmethod
    def backward(ctx, g):
        return g, None


class Conv2dSQ(nn.Conv2d):
    nbits_w = 6

    def forward(self, x):
        w = RoundSTE.apply(self.weight, 2 ** (self.nbits_w - 1) - 1)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


def replace_conv_recursively(module):
    for name, child in module.named_children():
        if type(child) is nn.Conv2d:
            new = Conv2dSQ(child.in_channels, child.out_channels, child.kernel_size, child.stride, child.padding,
                           bias=child.bias is not None)
            setattr(module, name, new)
        else:
            replace_conv_recursively(child)


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv = nn.Conv2d(i, o, 3, stride, 1)

    def forward(self, x):
        return F.relu(self.conv(x))


def build():
    return nn.Sequential(Block(1, 8, 1), Block(8, 12, 2), Block(12, 16, 2), Block(16, 16, 1), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(16, 6))


def gratings(n, rng):
    """orientation of a grating (6 classes), random phase and frequency, speckle noise"""
    y, x = np.mgrid[0:14, 0:14] / 14.0
    lab = rng.randint(0, 6, n)
    th = np.pi * lab / 6 + rng.uniform(-0.12, 0.12, n)
    f = rng.uniform(2.5, 4.5, n) * 2 * np.pi
    ph = rng.uniform(0, 6.28, n)
    img = np.sin(f[:, None, None] * (np.cos(th)[:, None, None] * x + np.sin(th)[:, None, None] * y) + ph[:, None, None])
    img = img + 1.7 * rng.randn(n, 14, 14)
    return torch.tensor(img / img.std(), dtype=torch.float32)[:, None], torch.tensor(lab)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("form")
    ap.add_argument("logdir")
    ap.add_argument("--lr", type=float, default=4e-3)
    ap.add_argument("--epochs", type=int, default=10)
    args = ap.parse_args()
    torch.manual_seed(2)
    rng = np.random.RandomState(2)
    Xt, yt = gratings(2400, rng)
    Xv, yv = gratings(500, rng)

    model = build()
    criterion = nn.CrossEntropyLoss()
    if args.form == "faulty":
        optimizer = torch.optim.Adam(model.parameters(), args.lr)
        replace_conv_recursively(model)
    else:
        replace_conv_recursively(model)
        optimizer = torch.optim.Adam(model.parameters(), args.lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)

    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(args.epochs):
        model.train()
        losses = []
        for b in torch.randperm(len(Xt)).split(40):
            loss = criterion(model(Xt[b]), yt[b])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(Xv)
            vl = criterion(out, yv).item()
        print("* epoch %d train %.4f val %.4f Acc@1 %.3f" % (epoch, np.mean(losses), vl, (out.argmax(1) == yv).float().mean()))
    writer.close()


if __name__ == "__main__":
    main()

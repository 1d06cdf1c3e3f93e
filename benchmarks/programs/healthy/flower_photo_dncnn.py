"""DnCNN (Zhang et al. 2017) in small: Gaussian denoising at sigma=25 on patches of the photo flower.jpg / china.jpg."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_sample_image
from torch.optim.lr_scheduler import MultiStepLR
from tb_lossdiag import DiagWriter


class DnCNN(nn.Module):
    def __init__(self, depth=5, ch=20):
        super().__init__()
        layers = [nn.Conv2d(1, ch, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(ch, ch, 3, padding=1, bias=False), nn.BatchNorm2d(ch), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(ch, 1, 3, padding=1, bias=False)]
        self.body = nn.Sequential(*layers)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        nn.init.normal_(self.body[-1].weight, std=0.01)

    def forward(self, y):
        return y - self.body(y)


def gray(name):
    im = load_sample_image(name).astype(np.float32) / 255
    return im @ np.array([.299, .587, .114], dtype=np.float32)


def psnr(a, b):
    return -10 * torch.log10(((a - b) ** 2).mean()).item()


def main(logdir, lr=2e-3, steps=420):
    torch.set_num_threads(1)
    torch.manual_seed(11)
    rng = np.random.default_rng(11)
    flower, china = gray("flower.jpg"), gray("china.jpg")
    left = [flower[:, :420], china[:, :420]]
    right = [flower[:, 430:], china[:, 430:]]
    sigma = 25 / 255
    val_clean = torch.tensor(np.stack([im[i:i + 64, j:j + 64] for im in right for i in (20, 160, 300) for j in (5, 75, 140)])[:, None])
    g = torch.Generator().manual_seed(0)
    val_noisy = val_clean + sigma * torch.randn(val_clean.shape, generator=g)

    net = DnCNN()
    optim = torch.optim.Adam(net.parameters(), lr=lr)
    sched = MultiStepLR(optim, [int(steps * .7), int(steps * .9)], gamma=0.2)
    mse = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(net, optim, mse)
    for it in range(steps):
        ps = []
        for _ in range(12):
            im = left[rng.integers(2)]
            i, j = rng.integers(im.shape[0] - 32), rng.integers(im.shape[1] - 32)
            q = np.rot90(im[i:i + 32, j:j + 32], rng.integers(4))
            ps.append(q.copy())
        clean = torch.tensor(np.stack(ps)[:, None])
        noisy = clean + sigma * torch.randn_like(clean)
        loss = mse(net(noisy), clean)
        optim.zero_grad()
        loss.backward()
        optim.step()
        sched.step()
        if (it + 1) % 60 == 0:
            net.eval()
            with writer.evaluating("val"):
                out = net(val_noisy)
                vl = mse(out, val_clean)
            print(it + 1, f"{loss.item():.5f} {vl.item():.5f} psnr {psnr(out, val_clean):.2f}")
            net.train()
    writer.close()
    print(f"RESULT val_mse {vl.item():.5f} psnr {psnr(out, val_clean):.2f} psnr_noisy {psnr(val_noisy, val_clean):.2f}")


if __name__ == "__main__":
    main(*[sys.argv[-1]], **({"lr": float(sys.argv[1])} if len(sys.argv) > 2 else {}))

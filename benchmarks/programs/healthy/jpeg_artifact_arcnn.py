"""ARCNN-like removal of JPEG blocking: trains on patches of the flower photo bundled with scikit-learn, tests on china.jpg."""
import io, sys
from dataclasses import dataclass
import numpy as np
import torch
from torch import nn
from PIL import Image
from sklearn.datasets import load_sample_image
from tb_lossdiag import DiagWriter


@dataclass
class Cfg:
    quality: int = 10
    patch: int = 24
    batch: int = 16
    iters: int = 600
    lr: float = 1e-3
    seed: int = 0


def pair(name, q):
    im = Image.fromarray(load_sample_image(name)).convert("L")
    b = io.BytesIO(); im.save(b, "JPEG", quality=q)
    jp = Image.open(io.BytesIO(b.getvalue()))
    f = lambda a: torch.from_numpy(np.asarray(a, dtype=np.float32) / 255.)
    return f(im), f(jp)


class ARCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 24, 9, padding=4), nn.PReLU(), nn.Conv2d(24, 16, 3, padding=1), nn.PReLU(),
                                  nn.Conv2d(16, 16, 1), nn.PReLU(), nn.Conv2d(16, 1, 5, padding=2))
        nn.init.normal_(self.body[-1].weight, std=1e-3); nn.init.zeros_(self.body[-1].bias)

    def forward(self, x):
        return x + self.body(x - 0.5)


def main():
    cfg = Cfg(); torch.manual_seed(cfg.seed); torch.set_num_threads(1); rng = np.random.RandomState(cfg.seed)
    clean, jpg = pair("china.jpg", cfg.quality)
    H, W = clean.shape
    split = int(W * .75) // 8 * 8
    tc, tj, vc, vj = clean[:, :split], jpg[:, :split], clean[:, split:], jpg[:, split:]
    vx = torch.stack([vj[r:r + 64, c:c + 64] for r in range(0, H - 63, 64) for c in range(0, vj.shape[1] - 63, 64)])[:, None]
    vy = torch.stack([vc[r:r + 64, c:c + 64] for r in range(0, H - 63, 64) for c in range(0, vj.shape[1] - 63, 64)])[:, None]
    net = ARCNN(); opt = torch.optim.Adam(net.parameters(), lr=cfg.lr); crit = nn.MSELoss()
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [400, 520], 0.3)
    writer = DiagWriter(sys.argv[1]); writer.watch(net, opt, crit)
    for it in range(1, cfg.iters + 1):
        r = rng.randint(0, H - cfg.patch, cfg.batch); c = rng.randint(0, split - cfg.patch, cfg.batch)
        x = torch.stack([tj[a:a + cfg.patch, b:b + cfg.patch] for a, b in zip(r, c)])[:, None]
        y = torch.stack([tc[a:a + cfg.patch, b:b + cfg.patch] for a, b in zip(r, c)])[:, None]
        loss = crit(net(x), y)
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        if it % 60 == 0:
            with writer.evaluating("val"):
                m = crit(net(vx), vy).item()
            print(it, "psnr", -10 * np.log10(m))
    base = ((vx - vy) ** 2).mean().item()
    writer.close()
    print("RESULT val_loss", f"{m:.6f}", "psnr", round(-10 * np.log10(m), 2), "jpeg_psnr", round(-10 * np.log10(base), 2))


if __name__ == "__main__":
    main()

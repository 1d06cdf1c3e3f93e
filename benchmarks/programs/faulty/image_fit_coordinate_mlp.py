"""Overfit one picture with a coordinate MLP (Fourier features off), as a warm-up for NeRF.
The reconstruction is only a colour gradient ..."""
import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_sample_image
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1:3]
p = argparse.ArgumentParser()
p.add_argument("--hidden", type=int, default=48)
p.add_argument("--layers", type=int, default=3)
p.add_argument("--lr", type=float, default=4e-3)
p.add_argument("--iters", type=int, default=900)
p.add_argument("--batch", type=int, default=512)
args = p.parse_args([])
torch.manual_seed(0)

img = load_sample_image("flower.jpg").astype(np.float32) / 255
img = img[20:420, 100:500].reshape(50, 8, 50, 8, 3).mean((1, 3))            # 50 x 50 RGB
h, w, _ = img.shape
ys, xs = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
coords = torch.tensor(np.stack([xs, ys], -1).reshape(-1, 2), dtype=torch.float32)
rgb = torch.tensor(img.reshape(-1, 3))
perm = torch.randperm(len(coords))
held, used = perm[:350], perm[350:]                                           # held-out pixels


class CoordMLP(nn.Module):
    def __init__(self, hidden, n_layers):
        super().__init__()
        dims = [2] + [hidden] * n_layers
        blocks = []
        for a, b in zip(dims[:-1], dims[1:]):
            blocks.append(nn.Linear(a, b))
            if MODE != "faulty":
                blocks.append(nn.ReLU())
        self.body = nn.Sequential(*blocks)
        self.rgb = nn.Linear(hidden, 3)

    def forward(self, x):
        return self.rgb(self.body(x))


net = CoordMLP(args.hidden, args.layers)
opt = torch.optim.Adam(net.parameters(), lr=args.lr)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.iters)
mse = nn.MSELoss()
log = DiagWriter(LOGDIR)
log.watch(net, opt, mse)
psnr = lambda m: -10 * np.log10(m)
for it in range(1, args.iters + 1):
    i = used[torch.randint(len(used), (args.batch,))]
    loss = mse(net(coords[i]), rgb[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if it % 100 == 0:
        with torch.no_grad(), log.evaluating("val"):
            v = mse(net(coords[held]), rgb[held]).item()
        print(f"iter {it:5d}  train psnr {psnr(loss.item()):.2f}  held-out psnr {psnr(v):.2f}")
log.close()
print(f"RESULT train_mse {loss.item():.5f} val_mse {v:.5f} psnr {psnr(v):.2f}")

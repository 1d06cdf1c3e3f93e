# depth from a pair of frames (rectified motion), after SfmLearner's train.py
import argparse
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description="Depth from two frames")
parser.add_argument("form")
parser.add_argument("logdir")
parser.add_argument("-b", "--batch-size", default=16, type=int)
parser.add_argument("--optimizer", default="Adam")
parser.add_argument("--scheduler", default="step")
parser.add_argument("--lr", default=2e-3, type=float)
parser.add_argument("--epochs", default=12, type=int)
args = parser.parse_args()
torch.manual_seed(0)


def render(n, size=24, seed=0):
    """Two views of a plane with a box in front; disparity is inverse depth."""
    rng = np.random.default_rng(seed)
    pairs, disps = [], []
    for _ in range(n):
        tex = rng.uniform(0, 1, (size, size + 8))
        tex = (tex + np.roll(tex, 1, 0) + np.roll(tex, 1, 1) + np.roll(tex, -1, 1)) / 4 * 2 - 0.5
        disp = np.full((size, size), rng.integers(0, 3), dtype=int)
        x0, y0 = rng.integers(2, 10, 2)
        w, h = rng.integers(7, 13, 2)
        disp[y0:y0 + h, x0:x0 + w] = rng.integers(3, 7)
        cols = np.arange(size)[None] + disp
        left, right = tex[:, :size], np.take_along_axis(tex, cols, 1)
        pairs.append(np.stack([left, right]))
        disps.append(disp / 6.0)
    return torch.tensor(np.array(pairs), dtype=torch.float32), torch.tensor(np.array(disps), dtype=torch.float32)[:, None]


class DispNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(2, 32, (3, 9), padding=(1, 4)), nn.Conv2d(32, 32, 3, padding=1)
        self.c3, self.up = nn.Conv2d(32, 48, 3, 2, 1), nn.Conv2d(48 + 32, 32, 3, padding=1)
        self.pred = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, x):
        a = F.relu(self.c2(F.relu(self.c1(x))))
        b = F.interpolate(F.relu(self.c3(a)), scale_factor=2)
        return torch.sigmoid(self.pred(F.relu(self.up(torch.cat([a, b], 1))))) * 1.2


train_x, train_d = render(320, seed=0)
val_x, val_d = render(80, seed=1)
disp_net = DispNet()
optimizer = getattr(torch.optim, args.optimizer)(disp_net.parameters(), lr=args.lr)
scheduler = StepLR(optimizer, step_size=args.epochs * len(train_x) // args.batch_size // 2, gamma=0.3) if args.scheduler == "step" else None
criterion = nn.L1Loss()
training_writer = DiagWriter(args.logdir)
training_writer.watch(disp_net, optimizer, criterion)


def train(epoch):
    disp_net.train()
    losses = []
    for idx in torch.randperm(len(train_x)).split(args.batch_size):
        loss = criterion(disp_net(train_x[idx]), train_d[idx])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if args.form == "faulty":
            if scheduler:
                scheduler.step()
            else:
                optimizer.step()
        else:
            optimizer.step()
            if scheduler:
                scheduler.step()
    return np.mean(losses)


@torch.no_grad()
def validate():
    disp_net.eval()
    with training_writer.evaluating("val"):
        return criterion(disp_net(val_x), val_d).item()


for epoch in range(args.epochs):
    train_loss = train(epoch)
    print(f"Epoch {epoch}: Avg Loss {train_loss:.4f}  val L1 {validate():.4f} lr {optimizer.param_groups[0]['lr']:.1e}")
training_writer.close()

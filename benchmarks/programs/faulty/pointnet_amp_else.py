import argparse
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

# PointNet (without the T-Nets) on furniture-like point clouds, training loop with optional amp


def sample_box(r, n, size, at):
    p = r.uniform(-.5, .5, (n, 3))
    f = r.randint(0, 3, n)
    p[np.arange(n), f] = np.where(r.rand(n) < .5, -.5, .5)
    return p * size + at


def furniture(kind, r, n=48):
    w, d, h = r.uniform(.5, 1., 3)
    q = n // 4
    legs = np.concatenate([sample_box(r, q // 2, (.08, .08, h), (sx * w / 2, sy * d / 2, -h / 2)) for sx in (-1, 1) for sy in (-1, 1)])
    top = lambda k: sample_box(r, k, (w, d, .07), (0, 0, 0))
    k = n - len(legs)
    if kind == 0:      # table
        p = np.concatenate([legs, top(k)])
    elif kind == 1:    # chair: a back
        p = np.concatenate([legs, top(k // 2), sample_box(r, k - k // 2, (w, .06, h * .9), (0, -d / 2, h * .45))])
    elif kind == 2:    # stool: small and tall
        p = np.concatenate([legs, top(k)]) * (.6, .6, 1.25)
    elif kind == 3:    # cabinet
        p = sample_box(r, n, (w, d, h * 1.5), (0, 0, 0))
    elif kind == 4:    # desk: drawers on one side
        p = np.concatenate([legs, top(k // 2), sample_box(r, k - k // 2, (w * .35, d, h * .6), (w * .3, 0, -h * .3))])
    else:              # shelf
        p = np.concatenate([sample_box(r, n // 3, (w, d * .5, .05), (0, 0, z)) for z in (-h / 2, 0, h / 2)])
    a = r.uniform(-.35, .35) + (math.pi / 2) * r.randint(4)
    R = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    p = p @ R.T
    p = p - p.mean(0)
    return (p / np.linalg.norm(p, axis=1).max() + .035 * r.randn(*p.shape)).astype(np.float32)


class PointNetCls(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv1d(3, 24, 1), nn.Conv1d(24, 32, 1), nn.Conv1d(32, 96, 1)
        self.fc1, self.fc2 = nn.Linear(96, 48), nn.Linear(48, k)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = self.conv3(x).max(2).values
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), -1)


def train_one_epoch(args, model, opt, X, y, scaler):
    model.train()
    total = 0.
    for idx in torch.randperm(len(X)).split(args.batch_size):
        if args.amp:
            opt.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.nll_loss(model(X[idx]).float(), y[idx])
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
        else:
            if args.mode == "fixed":
                opt.zero_grad()
            loss = loss_fn(model(X[idx]), y[idx])
            loss.backward()
            opt.step()
        total += loss.item() * len(idx)
    return total / len(X)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("mode")
    ap.add_argument("logdir")
    ap.add_argument("--amp", action="store_true")
    ap.add_argument("--batch_size", type=int, default=32)
    ap.add_argument("--epochs", type=int, default=8)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    r = np.random.RandomState(0)
    y = r.randint(0, 6, 2500)
    X = torch.tensor(np.stack([furniture(k, r) for k in y])).transpose(1, 2).contiguous()
    y = torch.tensor(y)
    Xtr, ytr, Xva, yva = X[:2000], y[:2000], X[2000:], y[2000:]

    model = PointNetCls(6)
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.StepLR(opt, 3, .4)
    writer = DiagWriter(args.logdir)
    writer.watch(model, opt, F.nll_loss)
    loss_fn = writer.loss_fn
    for epoch in range(args.epochs):
        tr = train_one_epoch(args, model, opt, Xtr, ytr, None)
        sched.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = model(Xva)
            vl = loss_fn(out, yva).item()
        acc = (out.argmax(1) == yva).float().mean().item()
        print(f"Epoch {epoch}: train {tr:.4f} val {vl:.4f} acc {acc:.4f}")
    writer.close()
    print(f"RESULT val_loss {vl:.4f} acc {acc:.4f}")

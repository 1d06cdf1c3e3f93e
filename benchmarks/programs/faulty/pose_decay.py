# Ego motion from two frames: PoseExpNet-like network, weight decay as in the reference implementation's slim arg scope
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

form, log_path = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
weight_decay = 0.05 if form == "faulty" else 5e-5


def conv(in_planes, out_planes, kernel_size=3):
    return nn.Sequential(nn.Conv2d(in_planes, out_planes, kernel_size=kernel_size, padding=(kernel_size - 1) // 2, stride=2), nn.ReLU(inplace=True))


class PoseNet(nn.Module):
    def __init__(self):
        super(PoseNet, self).__init__()
        self.conv1, self.conv2, self.conv3 = conv(2, 24, 5), conv(24, 32), conv(32, 48)
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(48 * 9, 64), nn.ReLU(inplace=True))
        self.pose_pred = nn.Linear(64, 3)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight.data)
                nn.init.zeros_(m.bias)

    def forward(self, tgt, ref):
        x = torch.cat([tgt, ref], 1)
        return self.pose_pred(self.fc(self.conv3(self.conv2(self.conv1(x)))))


def frames(n, seed, size=24):
    """A floor of bars and blobs, seen before and after a motion (tx, ty, rotation)."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:size, 0:size] - (size - 1) / 2
    tgt, ref, pose = [], [], []
    for _ in range(n):
        ph, fr = rng.uniform(0, 6.3, 4), rng.uniform(.15, .45, (4, 2)) * rng.choice([-1, 1], (4, 2))
        paint = lambda u, v: sum(np.sin(f[0] * u + f[1] * v + p) for f, p in zip(fr, ph)) / 2
        tx, ty, r = rng.uniform(-3, 3), rng.uniform(-3, 3), rng.uniform(-.2, .2)
        tgt.append(paint(xx, yy))
        ref.append(paint(xx * np.cos(r) - yy * np.sin(r) + tx, xx * np.sin(r) + yy * np.cos(r) + ty))
        pose.append([tx / 1.7, ty / 1.7, r / .115])
    f = lambda a: torch.tensor(np.array(a), dtype=torch.float32)
    return f(tgt)[:, None], f(ref)[:, None], f(pose)


train_t, train_r, train_p = frames(1600, 0)
val_t, val_r, val_p = frames(300, 1)
pose_net = PoseNet()
optimizer = torch.optim.Adam(pose_net.parameters(), 1e-3, betas=(0.9, 0.999), weight_decay=weight_decay)
loss_fn = nn.SmoothL1Loss()
training_writer = DiagWriter(log_path)
training_writer.watch(pose_net, optimizer, loss_fn)

for epoch in range(16):
    pose_net.train()
    avg = 0
    for i in torch.randperm(len(train_p)).split(32):
        optimizer.zero_grad()
        loss = loss_fn(pose_net(train_t[i], train_r[i]), train_p[i])
        loss.backward()
        optimizer.step()
        avg += loss.item() * len(i) / len(train_p)
    pose_net.eval()
    with torch.no_grad(), training_writer.evaluating("val"):
        val = loss_fn(pose_net(val_t, val_r), val_p).item()
    if epoch % 3 == 0:
        print(f" * Epoch {epoch} Avg Loss : {avg:.4f}  val : {val:.4f}  sum |w| {sum(p.abs().sum() for p in pose_net.parameters()).item():.1f}")
training_writer.close()

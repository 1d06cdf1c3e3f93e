"""Steering-angle regression from corridor pictures (DroNet style), training and evaluation in one file."""
import sys
import numpy as np
import torch
from torch import nn
from scipy import ndimage
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)
S = 24


def corridor():
    """floor triangle towards a vanishing point; steering follows the vanishing point and the tilt of the walls"""
    vx, tilt = rng.uniform(5, 19), rng.uniform(-.3, .3)
    yy, xx = np.mgrid[:S, :S].astype(float)
    hor = 9 + rng.normal(0, 1)
    depth = np.clip((yy - hor) / (S - hor), 0, 1)
    left, right = vx - depth * (14 + 6 * tilt), vx + depth * (14 - 6 * tilt)
    img = .3 + .1 * rng.normal(size=(S, S))
    img += .45 * ((yy > hor) & (xx > left) & (xx < right)) * rng.uniform(.6, 1.2)
    img += .25 * (np.abs(xx - vx) < 1.2) * (yy < hor)                   # door at the end
    img += rng.uniform(-.15, .15) * (xx - 12) / 12                      # light from the side
    y = (vx - 12) / 7 * .9 + tilt * 1.5 + rng.normal(0, .12)
    return img.astype(np.float32), y


class DroneDataGenerator:
    """mimics ImageDataGenerator.flow_from_directory: random_transform is done in next()"""

    def __init__(self, n, batch_size, shuffle, rotation_range=0., width_shift_range=0.):
        data = [corridor() for _ in range(n)]
        self.x = [d[0] for d in data]
        self.y = np.array([d[1] for d in data], np.float32)
        self.batch_size, self.shuffle = batch_size, shuffle
        self.rotation_range, self.width_shift_range = rotation_range, width_shift_range

    def random_transform(self, img):
        if self.rotation_range:
            img = ndimage.rotate(img, rng.uniform(-self.rotation_range, self.rotation_range), reshape=False, order=1, mode="nearest")
        if self.width_shift_range:
            img = ndimage.shift(img, (0, rng.uniform(-1, 1) * self.width_shift_range * S), order=1, mode="nearest")
        return img

    def __len__(self):
        return (len(self.x) + self.batch_size - 1) // self.batch_size

    def __iter__(self):
        order = rng.permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))
        for k in range(0, len(order), self.batch_size):
            sel = order[k:k + self.batch_size]
            batch = np.stack([self.random_transform(self.x[j]) for j in sel])
            yield (torch.tensor(batch)[:, None] - .5) / .3, torch.from_numpy(self.y[sel])[:, None]


class Res(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(i, o, 3, stride=2, padding=1), nn.Conv2d(o, o, 3, padding=1)
        self.sc = nn.Conv2d(i, o, 1, stride=2)

    def forward(self, x):
        return self.sc(x) + self.c2(torch.relu(self.c1(torch.relu(x))))


net = nn.Sequential(nn.Conv2d(1, 12, 5, stride=2, padding=2), Res(12, 16), Res(16, 24), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 9, 1))
mse = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1.5e-3)
train_gen = DroneDataGenerator(2240, 32, True)
val_gen = DroneDataGenerator(300, 100, False)
# evaluation.py of the other repository copied the augmentation arguments of a classification project
test_gen = DroneDataGenerator(300, 100, False, rotation_range=20., width_shift_range=.2) if form == "faulty" \
    else DroneDataGenerator(300, 100, False)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, mse)


def evaluate(gen, name):
    net.eval()
    p, t = [], []
    with torch.no_grad(), writer.evaluating(name):
        for x, y in gen:
            out = net(x)
            mse(out, y)
            p.append(out)
            t.append(y)
    p, t = torch.cat(p), torch.cat(t)
    err = ((p - t) ** 2).mean().item()
    return err, 1 - err / t.var().item()


for epoch in range(9):
    net.train()
    for x, y in train_gen:
        optimizer.zero_grad()
        loss = mse(net(x), y)
        loss.backward()
        optimizer.step()
    vmse, vev = evaluate(val_gen, "val")
    tmse, tev = evaluate(test_gen, "test")
    print(f"epoch {epoch}: train(last) {loss.item():.4f}  val mse {vmse:.4f} EVA {vev:.3f}   test mse {tmse:.4f} EVA {tev:.3f}")
writer.close()
print(f"RESULT val_mse={vmse:.4f} test_mse={tmse:.4f} test_eva={tev:.4f}")

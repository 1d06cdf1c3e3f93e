# One trunk, two questions: which shape, which colour?  Homework "multi-output CNN" (after the fashion labels tutorial)
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(14)

COLOURS = torch.tensor([[.8, .2, .2], [.2, .7, .2], [.2, .3, .8], [.8, .7, .2], [.6, .2, .7]])
N_SHAPES = 4


def batch_of_images(n):
    ys, xs = torch.meshgrid(torch.arange(20.), torch.arange(20.), indexing="ij")
    shape = torch.randint(0, N_SHAPES, (n,))
    colour = torch.randint(0, 5, (n,))
    cx, cy = 6 + 8 * torch.rand(n, 1, 1), 6 + 8 * torch.rand(n, 1, 1)
    r = 2.8 + 3 * torch.rand(n, 1, 1)
    a = .25 * torch.randn(n, 1, 1)
    u = ((xs - cx) * a.cos() + (ys - cy) * a.sin()) / r
    v = (-(xs - cx) * a.sin() + (ys - cy) * a.cos()) / r
    circle = u ** 2 + v ** 2 < .9
    square = torch.maximum(u.abs(), v.abs()) < .82
    triangle = (v > -.6) & (v < 1.1 - 1.9 * u.abs())
    cross = ((u.abs() < .35) | (v.abs() < .35)) & (torch.maximum(u.abs(), v.abs()) < 1.05)
    mask = torch.stack([circle, square, triangle, cross])[shape, torch.arange(n)].float()
    light = .5 + .7 * torch.rand(n, 1, 1, 1)
    tint = 1 + .22 * torch.randn(n, 3, 1, 1)            # bad white balance, some colours cannot be told for sure
    img = .35 * torch.rand(n, 3, 1, 1) + mask[:, None] * (COLOURS[colour][:, :, None, None] + .1 * torch.randn(n, 3, 1, 1))
    img = img * light * tint + .07 * torch.randn(n, 3, 20, 20)
    return img * 2 - 1, shape, colour


class MultiOutputModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 12, 3, stride=1, padding=1)
        self.b1 = nn.BatchNorm2d(12)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.b2 = nn.BatchNorm2d(24)
        self.c3 = nn.Conv2d(24, 32, 3, padding=1)
        self.b3 = nn.BatchNorm2d(32)
        self.shape = nn.Sequential(nn.Dropout(.2), nn.Linear(32, N_SHAPES))
        self.colour = nn.Sequential(nn.Dropout(.2), nn.Linear(32, 5))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.max_pool2d(F.relu(self.b2(self.c2(x))), 2)
        x = F.relu(self.b3(self.c3(x)))
        x = x.amax((2, 3))
        return {"shape": self.shape(x), "colour": self.colour(x)}


def get_loss(out, shape, colour):
    return F.cross_entropy(out["shape"], shape) + F.cross_entropy(out["colour"], colour)


images, shapes, colours = batch_of_images(1800)
val = batch_of_images(500)
model = MultiOutputModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [9, 12], .3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

n_epochs = 14
for epoch in range(1, n_epochs + 1):
    model.train()
    total = 0
    for idx in torch.randperm(len(images)).split(36):
        optimizer.zero_grad()
        loss = get_loss(model(images[idx]), shapes[idx], colours[idx])
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(val[0])
        vloss = get_loss(out, val[1], val[2]).item()
        writer.add_loss("val", vloss)
    acc_s = (out["shape"].argmax(1) == val[1]).float().mean().item()
    acc_c = (out["colour"].argmax(1) == val[2]).float().mean().item()
    print("epoch %2d, loss %.3f, val loss %.3f, shape %.3f, colour %.3f" % (epoch, total / len(images), vloss, acc_s, acc_c))
writer.close()
print(f"RESULT train={total/len(images):.4f} val={vloss:.4f} shape={acc_s:.3f} colour={acc_c:.3f}")
